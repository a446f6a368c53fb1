// What a refresh would cost the person in front of this tab.
//
// A field counts as changed while its value differs from the one it had when its user came to it, and while it is on the
// page; taken off and put back, it counts again. Submitting does not count as saving: an application that sends the form
// itself may have failed to. It says `saved`, or takes the form away, or leaves the page.
//
// Deliberately absent: what a script wrote into a field, and values that nobody touched.

/** Keeps track of work that a refresh would lose. */
export interface Work {
  /** What would be lost now, in words; empty if nothing. */
  readonly reasons: () => string[]
  /** Holds every refresh until the function that it returns is called. */
  readonly hold: (reason: string) => () => void
  /** What stands in these fields now is saved: those in `within`, or all. */
  readonly saved: (within?: Node) => void
}

/** What is on a hold that gives no reason. */
const UNNAMED = 'hold'

/** A field that its user came to, and its value then. */
interface Visit {
  /** Weak, so that fields that are gone for good do not pile up with the page's life. */
  readonly ref: WeakRef<Field>
  was: string
}

// Of the page and not of one watch: a client that follows another must know what was typed before it.
const visits = new WeakMap<Field, Visit>()
const touched = new Set<Visit>()

/** Watches the fields of `document` until `signal` ends it. With `media`, playing audio and video count as work. */
export function watchWork(document: Document, media: boolean, signal: AbortSignal): Work {
  const holds = new Set<{ readonly reason: string }>()

  const onFocus = (event: Event): void => {
    const field = fieldOf(event)
    if (field !== null) visitOf(field, valueOf(field))
  }
  const onInput = (event: Event): void => {
    const field = fieldOf(event)
    // One that changed before anybody saw it being entered: by what was written in the page, if that can be told.
    if (field !== null) touched.add(visitOf(field, textOf(field.defaultChecked, field.defaultValue)))
  }
  const how = { capture: true, signal }
  document.addEventListener('focusin', onFocus, how)
  for (const name of ['input', 'change']) document.addEventListener(name, onInput, how)

  return {
    reasons() {
      const found = Array.from(holds, ({ reason }) => reason)
      for (const holder of document.querySelectorAll('[data-headcount-hold]:not([data-headcount-hold="false"])')) {
        found.push(holder.getAttribute('data-headcount-hold') || UNNAMED)
      }
      if (isChanged()) found.push('form')
      if (media && Array.from(document.querySelectorAll<HTMLMediaElement>('audio, video')).some(isPlaying)) found.push('media')
      return found
    },
    hold(reason) {
      const hold = { reason: reason || UNNAMED }
      holds.add(hold)
      return () => { holds.delete(hold) }
    },
    saved(within) {
      for (const visit of touched) {
        const field = visit.ref.deref()
        if (!field || !(within?.contains(field) ?? field.isConnected)) continue
        visit.was = valueOf(field)
        touched.delete(visit)
      }
    },
  }
}

/** What a field may have. One without `value` is text that can be edited. */
type Field = Element & Partial<Pick<HTMLInputElement, 'checked' | 'defaultChecked' | 'defaultValue'> & Pick<HTMLSelectElement, 'options'>> & { value?: unknown }

/** What is known of `field`; `value`, if nothing was. */
function visitOf(field: Field, value: string): Visit {
  const visit = visits.get(field) ?? { ref: new WeakRef(field), was: value }
  visits.set(field, visit)
  return visit
}

/** Whether a field on the page is not as it was. Those that are as they were are forgotten, on the page or not. */
function isChanged(): boolean {
  let found = false
  for (const visit of touched) {
    const field = visit.ref.deref()
    if (!field || valueOf(field) === visit.was) touched.delete(visit)
    else found ||= field.isConnected
  }
  return found
}

/** The field that an event is about, through shadow roots. */
function fieldOf(event: Event): Field | null {
  const origin = event.composedPath()[0]
  return origin instanceof Element ? origin.closest('input, textarea, select, [contenteditable]') : null
}

function valueOf({ checked, innerHTML, options, value }: Field): string {
  if (options) return Array.from(options).flatMap((option) => option.selected ? option.value : []).join('\n')
  return textOf(checked, typeof value === 'string' ? value : innerHTML) // That of a list item is a number.
}

/** Of the whole state of a field, so that each kind of input is compared by what changes in it. */
function textOf(checked: boolean | undefined, value: string | undefined): string {
  return `${checked} ${value}`
}

function isPlaying(element: HTMLMediaElement): boolean {
  return !element.paused && !element.ended
}
