// A clock that the test moves, and places that keep, forget or refuse.

import type { Clock, Timer } from '../src/clock.js'
import type { Place } from '../src/storage.js'

/** Time stands still until `pass`. */
export class TestClock implements Clock {
  #now = 1_800_000_000_000
  #timers = new Map<symbol, { readonly at: number; readonly work: () => void }>()
  chance = 0.5

  now = (): number => this.#now
  random = (): number => this.chance
  timer = (): Timer => {
    const timer = Symbol('timer')
    return (ms = 0, work) => {
      this.#timers.delete(timer)
      if (work) this.#timers.set(timer, { at: this.#now + ms, work })
    }
  }

  /** Lets time pass; what falls due happens at its moment. */
  pass(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const [timer, due] = [...this.#timers].sort(([, a], [, b]) => a.at - b.at)[0] ?? []
      if (timer === undefined || due === undefined || due.at > end) break
      this.#timers.delete(timer)
      this.#now = Math.max(this.#now, due.at)
      due.work()
    }
    this.#now = Math.max(this.#now, end)
  }

  /** The machine sleeps: time passes and nothing happens. */
  sleep(ms: number): void {
    this.#now += ms
  }
}

/**
 * As Chromium treats a page that nobody has seen for five minutes: a timer that is set by a timer, that one by another and so on, the fifth time waits for the
 * next full minute, and every other for the next second.
 */
export class ThrottledClock extends TestClock {
  constructor() {
    super()
    const plain = this.timer
    let chain = 0
    this.timer = () => {
      const set = plain()
      return (ms = 0, work) => {
        if (!work) return set()
        const length = chain + 1
        const grain = length < 5 ? 1_000 : 60_000
        const at = Math.ceil((this.now() + ms) / grain) * grain
        set(at - this.now(), () => {
          chain = length
          work()
          chain = 0
        })
      }
    }
  }
}

/** Keeps what is written, for the next page of the same tab. */
export function place(): Place {
  const kept = new Map<string, string>()
  return {
    read: (key) => kept.get(key) ?? null,
    write(key, value) {
      kept.set(key, value)
      return true
    },
  }
}

/** Storage that is blocked. */
export const blocked: Place = { read: () => null, write: () => false }
