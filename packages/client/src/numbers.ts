// The numbers, for pages that ask for them: few do, so what reads them is loaded when they are first asked for.
//
// A part that could not be loaded is reported as an uncaught error of the page is, and asked for again on the next stream.

import type { Listeners } from './events.js'
import type { Message } from './messages.js'
import type { Stats } from './stats.js'
import type * as Reading from './subscription.js'
import type { SubscribeOptions, Subscription } from './subscription.js'

/** What reads numbers, and where it comes from. */
export type LoadReading = () => Promise<typeof Reading>

/** The subscription of a tab, loaded or not. */
export interface Numbers {
  readonly stats: Stats | null
  readonly subscribe: (options?: SubscribeOptions) => () => void
  readonly received: (message: Pick<Message, 'type'>) => void
}

/** `ask` asks the server, and `report` gets what goes wrong; see {@link Reading.createSubscription}. */
export function createNumbers(
  loadReading: LoadReading, listeners: Listeners, ask: (connections: boolean | null) => void, report: (error: unknown) => void,
): Numbers {
  let subscription: Subscription | undefined
  const waiting = new Set<(subscription: Subscription) => void>()

  async function load(): Promise<void> {
    if (waiting.size === 0) return
    try {
      const { createSubscription } = await loadReading()
      subscription ??= createSubscription(listeners, ask)
      for (const begin of waiting) begin(subscription)
      waiting.clear()
    } catch (error) {
      report(error)
    }
  }

  return {
    get stats() { return subscription?.stats ?? null },
    subscribe(options) {
      if (subscription) return subscription.subscribe(options)
      const begin = (subscription: Subscription): void => { end = subscription.subscribe(options) }
      let end = (): void => { waiting.delete(begin) }
      waiting.add(begin)
      void load()
      return () => { end() }
    },
    received(message) {
      if (subscription) subscription.received(message)
      else if (message.type === 'connected') void load()
    },
  }
}
