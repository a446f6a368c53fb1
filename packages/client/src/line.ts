// The one link of a tab: opened, spoken on, and given up where nothing is heard in time.

import type { Environment } from './environment.js'
import type { ClientMessage } from './messages.js'
import type { Link, TransportName } from './transport/link.js'

/** A stream that has not said `connected` by then is blocked or buffered on its way, milliseconds. */
export const CONNECT_MS = 8_000
/** A link that was doubted must answer within this time, milliseconds. */
const ANSWER_MS = 10_000
/** A stream that ends sooner was of no use, milliseconds. */
const BRIEF_MS = 5_000

/** What a line tells: what it heard, and which attempt is over. */
export interface LineEvents {
  readonly heard: (text: string) => void
  readonly ended: (attempt: number, code: number | null, wasBrief: boolean) => void
}

/** A link, or none. */
export interface Line {
  /** Opens it: the attempt of this number, over this transport. */
  readonly open: (attempt: number, transport: TransportName, query: Readonly<Record<string, string>>) => void
  readonly close: () => void
  readonly send: (message: ClientMessage, connectionId: string) => void
  /** It is of use from now on. */
  readonly opened: () => void
  /** Ends the attempt if it was silent for longer, milliseconds; says whether it was. */
  readonly endIfSilent: (silence_ms: number) => boolean
}

/** Nothing is open. `common` is in every query. */
export function createLine(
  base: URL, common: Readonly<Record<string, string>>, { clock, links }: Pick<Environment, 'clock' | 'links'>, { heard, ended }: LineEvents,
): Line {
  let link: Link | null = null
  let attempt = 0
  let openedAt = clock.now()
  let heardAt = openedAt
  const doubting = clock.timer()

  function close(): void {
    doubting()
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

  function received(text: string): void {
    doubting()
    heardAt = clock.now()
    heard(text)
  }

  return {
    close,
    open(number, transport, query) {
      attempt = number
      doubting(CONNECT_MS, giveUp)
      try {
        link = links[transport](base, new URLSearchParams({ ...query, ...common }), { received, ended: (code) => { end(number, code) } })
      } catch {
        queueMicrotask(() => { end(number, null) })
      }
    },
    send(message, connectionId) {
      link?.send(message, connectionId)
      if (message.type === 'ping') doubting(ANSWER_MS, giveUp)
    },
    opened() { openedAt = clock.now() },
    endIfSilent(silence_ms) {
      const isSilent = clock.now() - heardAt > silence_ms
      if (isSilent) giveUp()
      return isSilent
    },
  }
}
