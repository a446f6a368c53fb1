// What the client asks of time and chance. Tests bring their own.

/** Runs `work` once, after so many milliseconds, unless it is set to something else first. Set to nothing, it is stopped. */
export type Timer = (ms?: number, work?: () => void) => void

/** Time and chance. */
export interface Clock {
  /** Milliseconds since the Unix epoch: unlike a monotonic clock it goes on while the machine sleeps. */
  readonly now: () => number
  /** A timer that is not set. */
  timer(): Timer
  /** A random number from 0 up to, and without, 1. */
  readonly random: () => number
}
