// Who wants the numbers, and the numbers as far as they are known.
//
// However many want them, the server is asked once: for single connections only if anybody wants those. A delta that does
// not follow what is known means that something is missing, and the server is asked anew; what was known until then is shown
// until the answer is there.

import type { Listeners } from './events.js'
import type { KnownMessage } from './messages.js'
import { changed, whole, type Stats } from './stats.js'

/** What somebody wants to know. */
export interface SubscribeOptions {
  /** Whether connections are listed one by one, besides the counts. Default `true`. */
  readonly connections?: boolean
}

/** The subscription of a tab. */
export interface Subscription {
  readonly stats: Stats | null
  readonly subscribe: (options?: SubscribeOptions) => () => void
  readonly received: (known: KnownMessage) => void
}

/** `ask` asks the server: with or without single connections, or, by `null`, for nothing any more. */
export function createSubscription(listeners: Listeners, ask: (connections: boolean | null) => void): Subscription {
  const readers = new Set<SubscribeOptions>()
  let asked: boolean | null = null
  let stats: Stats | null = null
  /** What a delta may follow. */
  let base: Stats | null = null

  function look(): void {
    const wanted = readers.size > 0 ? [...readers].some(({ connections }) => connections ?? true) : null
    if (wanted === asked) return
    ask(asked = wanted)
    if (wanted === null) stats = base = null
  }

  function show(next: Stats): void {
    listeners.emit('stats', stats = base = next)
  }

  return {
    get stats() { return stats },
    subscribe(options) {
      const reader = { ...options }
      readers.add(reader)
      look()
      return () => {
        readers.delete(reader)
        look()
      }
    },
    received(known) {
      if (asked === null) return // What was still on its way.
      if (known.type === 'stats') show(whole(known))
      else if (known.type === 'stats-delta' && base !== null) {
        base = changed(base, known)
        if (base === null) ask(asked)
        else show(base)
      } else if (known.type === 'stats-unauthorized') {
        stats = base = null
        listeners.emit('stats-unauthorized', undefined)
      }
    },
  }
}
