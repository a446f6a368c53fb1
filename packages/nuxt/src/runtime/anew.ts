// Asking for stats again, with the cookies that the browser has now.
//
// headcount judges a WebSocket by the cookies of its handshake as long as it is open. So a user who signs in later is
// refused, and a user whose session was renewed loses stats with the old one. A POST sends the current cookies. So the
// client asks again by POST when a component begins to want stats after a refusal, when the user navigates while a
// component wants stats, and after an admission ended: then a few times, with growing pauses.
//
// Deliberately absent: asking again for visitors who stay on a page and never saw stats.

/** How long to wait before each new attempt after an admission was lost, milliseconds. */
export type Delays = readonly number[]

/** What this depends on. */
export interface AnewNeeds {
  readonly post: (connectionId: string) => Promise<void>
  readonly delays?: Delays
  /** Milliseconds on any clock that only goes forward. */
  readonly now?: () => number
}

/** Events of the connection and of the components that want stats. */
export interface Anew {
  connected(connectionId: string): void
  /** One more on the page wants stats, until the function that it returns is called. */
  wanted(): () => void
  admitted(): void
  refused(): void
  /** The user went to another page: after a sign-in, for instance. */
  moved(): void
}

const DELAYS: Delays = [0, 5_000, 15_000, 60_000, 60_000]
/** What the browser showed this long ago, milliseconds, it may show otherwise now. */
const OLD_MS = 500
/** Several parts of one page that want stats ask once together, milliseconds. */
const TOGETHER_MS = 50

/** Nothing has happened yet. */
export function askAnew({ post, delays = DELAYS, now = () => performance.now() }: AnewNeeds): Anew {
  let wanted = 0
  let connectionId = ''
  /** When the browser last showed its cookies. */
  let shownAt = 0
  let state: 'unknown' | 'admitted' | 'refused' = 'unknown'
  /** Attempts since an admission was lost; `null` if none was. */
  let attempts: number | null = null
  /** A component began to want stats while the answer to an earlier question, with older cookies, was still open. */
  let isDoubted = false
  let timer: ReturnType<typeof setTimeout> | undefined

  function attempt(): void {
    if (wanted === 0) return
    shownAt = now()
    isDoubted = false
    post(connectionId).catch(() => {}) // The client's own reconnect comes back to it.
  }

  function doubt(): void {
    if (connectionId === '' || state === 'admitted') return
    const age = now() - shownAt
    if (state === 'unknown') isDoubted = age >= OLD_MS
    else if (age >= TOGETHER_MS) attempt()
  }

  return {
    connected(id) {
      connectionId = id
      shownAt = now()
      state = 'unknown'
      isDoubted = false
      clearTimeout(timer)
    },
    wanted() {
      wanted += 1
      doubt()
      let isOver = false
      return () => {
        if (!isOver) wanted -= 1
        isOver = true
      }
    },
    moved() {
      if (state === 'refused') doubt()
    },
    admitted() {
      state = 'admitted'
      attempts = null
      isDoubted = false
    },
    refused() {
      if (state === 'admitted') attempts = 0
      state = 'refused'
      clearTimeout(timer)
      const delay = attempts === null ? undefined : delays[attempts]
      if (isDoubted) {
        attempt()
      } else if (attempts !== null && delay !== undefined) {
        attempts += 1
        timer = setTimeout(attempt, delay)
      }
    },
  }
}
