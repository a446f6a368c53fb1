// When to ask again: only if the answer may have changed, at most once per interval, and only while the page is visible.
//
// One question at a time. `now` gives up the one that is under way, so an old answer never replaces a newer one. What
// failed is asked again after a while without being moved.

/** Time, as far as a pace needs it. */
export interface PaceClock {
  now(): number
  after(ms: number, work: () => void): () => void
}

/** What a pace is made of. */
export interface PaceNeeds {
  /** Least time between two questions, milliseconds. */
  readonly every_ms: number
  readonly clock: PaceClock
  readonly isSeen: () => boolean
  /** Asks; whether that worked. */
  readonly ask: (signal: AbortSignal) => Promise<boolean>
}

/** Decides when to ask. */
export interface Pace {
  /** The answer may be another one now. */
  moved(): void
  /** Another question, or one whose answer has changed for certain: at once. */
  now(): void
  /** The page may have become visible. */
  look(): void
  stop(): void
}

const RETRY_MS = 5_000

/** Nothing is asked yet. */
export function createPace({ every_ms, clock, isSeen, ask }: PaceNeeds): Pace {
  let isDirty = false
  let notBefore = -Infinity
  let running: AbortController | null = null
  let cancel = (): void => {}

  function look(): void {
    cancel()
    if (!isDirty || running !== null || !isSeen()) return
    const rest_ms = notBefore - clock.now()
    if (rest_ms > 0) cancel = clock.after(rest_ms, look)
    else void run()
  }

  async function run(): Promise<void> {
    const mine = running = new AbortController()
    isDirty = false
    notBefore = clock.now() + every_ms
    const isAnswered = await ask(mine.signal)
    if (running !== mine) return
    running = null
    if (!isAnswered) {
      isDirty = true
      notBefore = clock.now() + Math.max(every_ms, RETRY_MS)
    }
    look()
  }

  function giveUp(): void {
    cancel()
    running?.abort()
    running = null
  }

  return {
    moved() {
      isDirty = true
      look()
    },
    now() {
      giveUp()
      isDirty = true
      notBefore = -Infinity
      look()
    },
    look,
    stop: giveUp,
  }
}

/** The browser's time. */
export const browserClock: PaceClock = {
  now: () => performance.now(),
  after(ms, work) {
    const timer = setTimeout(work, ms)
    return () => { clearTimeout(timer) }
  },
}
