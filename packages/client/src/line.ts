// The one link of a tab: opened, spoken on, and given up where nothing is heard in time.
//
// A server gives a sign of life once per keepalive, over either transport. A link without one for 1.5 keepalives is
// `silent`: the session asks, and if nothing comes the link is given up, within 2.25 keepalives in all. A page that was
// frozen, or whose machine slept, received nothing during that time, and its timers are late: it asks first, and again
// if it slept before the answer came, so a working link is kept.

import type { Environment } from './environment.js'
import type { ClientMessage } from './messages.js'
import type { Query } from './session.js'
import type { Link, LinkEvents, TransportName } from './transport/link.js'

/** A stream that has not said `connected` by then is blocked or buffered on its way, milliseconds. */
export const CONNECT_MS = 8_000
/** The longest that a link which was asked may take to answer, milliseconds. */
const ANSWER_MS = 10_000
/** A stream that ends sooner was of no use, milliseconds. */
const BRIEF_MS = 5_000

/** What a line tells: what it heard, which attempt is over, and that it heard nothing for too long. */
export interface LineEvents {
  readonly heard: (text: string) => void
  readonly ended: (attempt: number, code: number | null, wasBrief: boolean) => void
  readonly silent: () => void
  readonly memory?: LinkEvents['memory']
}

/** A link, or none. */
export interface Line {
  /** Opens it: the attempt of this number, over this transport. */
  readonly open: (attempt: number, transport: TransportName, query: Query) => void
  readonly close: () => void
  readonly send: (message: ClientMessage, connectionId: string) => void
  /** It is of use, from the first call on, and its server gives a sign of life this often, milliseconds. */
  readonly opened: (keepalive: number) => void
}

/** Nothing is open. `common` is in every query. */
export function createLine(
  base: URL, common: () => Query, { clock, links }: Pick<Environment, 'clock' | 'links'>, { heard, ended, silent, memory }: LineEvents,
): Line {
  let link: Link | null = null
  let attempt = 0
  let keepalive = 0
  let openedAt = 0
  let heardAt = 0
  const waiting = clock.timer()

  function close(): void {
    waiting()
    link?.close()
    link = null
  }

  function end(attempt: number, code: number | null): void {
    ended(attempt, code, clock.now() - openedAt < BRIEF_MS)
  }

  /** Nothing was heard in time. */
  function giveUp(): void {
    close()
    end(attempt, null)
  }

  function listen(): void {
    waiting(keepalive / 2, () => { (clock.now() - heardAt < 1.5 * keepalive ? listen : silent)() })
  }

  function received(text: string): void {
    heardAt = clock.now()
    if (keepalive) listen()
    heard(text)
  }

  return {
    close,
    open(number, transport, query) {
      attempt = number
      keepalive = 0
      waiting(CONNECT_MS, giveUp)
      try {
        link = links[transport](base, new URLSearchParams({ ...query, ...common() }), {
          received,
          memory,
          ended(code) {
            waiting()
            end(number, code)
          },
        })
      } catch {
        queueMicrotask(() => { end(number, null) })
      }
    },
    send(message, connectionId) {
      link?.send(message, connectionId)
      if (message.type !== 'ping') return
      const askedAt = clock.now()
      waiting(Math.min(ANSWER_MS, 0.75 * keepalive), () => { (clock.now() - askedAt < keepalive ? giveUp : silent)() })
    },
    opened(every) {
      if (!keepalive) openedAt = clock.now()
      keepalive = every
      listen()
    },
  }
}
