// Numbers and times as people read them.

const WHOLE = new Intl.NumberFormat('en')
const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })
const DAY = new Intl.DateTimeFormat('en-GB', { weekday: 'short', hour: '2-digit', minute: '2-digit' })
const DATE = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' })
const DAY_MS = 86_400_000

/** `15,012` */
export function whole(count: number): string {
  return WHOLE.format(count)
}

/** `3 tabs`, `1 tab` */
export function some(count: number, one: string, many = `${one}s`): string {
  return `${whole(count)} ${count === 1 ? one : many}`
}

/** `83.2 %`; never `100 %` or `0 %` of what is not quite that. */
export function percent(part: number, of: number): string {
  if (of === 0) return '–'
  const tenths = Math.round((part / of) * 1_000)
  const kept = part === of ? 1_000 : part === 0 ? 0 : Math.min(999, Math.max(1, tenths))
  return `${kept % 10 === 0 ? kept / 10 : (kept / 10).toFixed(1)}%`
}

/** `14:05` today, `Tue 14:05` within a week, else with the date. */
export function time(at: number, now: number): string {
  const isToday = new Date(at).toDateString() === new Date(now).toDateString()
  return (isToday ? CLOCK : Math.abs(at - now) < 6 * DAY_MS ? DAY : DATE).format(at)
}

/** The whole date, for tooltips. */
export function exactly(at: number): string {
  return new Date(at).toLocaleString('en-GB', { dateStyle: 'full', timeStyle: 'medium' })
}

/** `just now`, `5 min ago`, `3 h ago`, `2 days ago` */
export function ago(at: number, now: number): string {
  const minutes = Math.floor((now - at) / 60_000)
  if (minutes < 1) return 'just now'
  if (minutes < 60) return `${minutes} min ago`
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ago`
  return `${Math.floor(minutes / 1_440)} days ago`
}

/** `for 42 min`, `for 23 h`: how long until `at`. */
export function left(at: number, now: number): string {
  const minutes = Math.max(1, Math.round((at - now) / 60_000))
  if (minutes < 90) return `${minutes} min`
  if (minutes < 48 * 60) return `${Math.round(minutes / 60)} h`
  return `${Math.round(minutes / 1_440)} days`
}
