// Who wants the numbers, and the numbers as far as they are known.
//
// All subscribers share one subscription at the server, with single connections only if one of them wants those. A
// delta that does not follow the known state means that a message is missing, and the client subscribes again; the
// known state is shown until the answer comes.

import type { Listeners } from './events.js'
import type { Message, StatsDelta, StatsMessage, Unauthorized } from './messages.js'
import { changed, whole, type Stats } from './stats.js'

/** What a subscriber wants. */
export interface SubscribeOptions {
  /** Whether connections are listed one by one, besides the counts. Default `true`. */
  readonly connections?: boolean
}

/** The subscription of a tab. */
export interface Subscription {
  readonly stats: Stats | null
  readonly subscribe: (options?: SubscribeOptions) => () => void
  readonly received: (message: Pick<Message, 'type'>) => void
}

/** A POST that takes longer does not get through, milliseconds. */
const ANSWER_MS = 10_000

/** The last question of a WebSocket, to which the next one waits for the answer. */
let asked: Promise<unknown> = Promise.resolve()

/** Asks by POST, one question at a time; what does not get through, or reaches a server that does not know the stream, is an error. */
export function ask(base: URL, message: object): Promise<void> {
  const answered = asked.then(() => post(base, message))
  asked = answered.catch(() => {})
  return answered
}

async function post(base: URL, message: object): Promise<void> {
  const answer = await fetch(new URL('message', base), {
    method: 'POST', body: JSON.stringify(message), credentials: 'include', keepalive: true, signal: AbortSignal.timeout(ANSWER_MS),
  })
  const { ok } = await answer.json() as { ok?: boolean }
  if (!ok) throw new Error('not heard')
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
    received(message) {
      if (asked === null || !isStats(message)) return // A late message, or one of another type.
      const known = message
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

/** Whether it says something about the numbers, and has the fields for that. */
export function isStats(message: Pick<Message, 'type'>): message is StatsMessage | StatsDelta | Unauthorized {
  const { type, total, versions, routes, seq } = message as Message
  const areCounts = [versions, routes].every((counts) => typeof counts === 'object' && counts)
  return (type === 'stats' && typeof total === 'number' && areCounts) || (type === 'stats-delta' && typeof seq === 'number') || type === 'stats-unauthorized'
}
