// Acts on the effects of the session: the one place that holds a link and its timers.
//
// A link is taken for dead if it has said nothing for too long: after it was opened, after it was doubted, and over SSE,
// where signs of life arrive by themselves, at any time. A WebSocket at rest is silent; its server finds the dead ones.

import type { Environment } from './environment.js'
import { read, type Received } from './messages.js'
import { newSession, reduce, type Effect, type Session, type SessionEvent } from './session.js'
import type { Link, TransportName } from './transport/link.js'

/** A stream that has not said `connected` by then is blocked or buffered on its way, milliseconds. */
export const CONNECT_MS = 8_000
/** A link that was doubted must answer within this time, milliseconds. */
const ANSWER_MS = 10_000
/** A stream that ends sooner was of no use, milliseconds. */
const BRIEF_MS = 5_000
/** How often a server sends a sign of life that does not say so, milliseconds. */
const KEEPALIVE_MS = 30_000
/** How often the clock is looked at, milliseconds. A look that comes three times too late means the machine slept. */
const LOOK_MS = 30_000

/** What the connection needs to know. */
export interface ConnectionSettings {
  /** `B` with a slash at the end. */
  readonly base: URL
  /** `auto`, or the only one to use. */
  readonly transport: TransportName | 'auto'
  readonly version: string | undefined
  readonly tab: string
  readonly route: string
  /** The commands that this page was loaded anew for, with commas between. */
  readonly reloaded: string
}

/** A link that is kept up. */
export interface Connection {
  readonly session: Session
  readonly happened: (event: SessionEvent) => void
}

/** Begins with the event `start`. `changed` hears of every other phase, `received` of every message. */
export function createConnection(
  settings: ConnectionSettings,
  { clock, links, preferred, probe }: Pick<Environment, 'clock' | 'links' | 'preferred' | 'probe'>,
  changed: (session: Session) => void,
  received: (received: Received) => void,
): Connection {
  const { base, transport, version, tab, route, reloaded } = settings
  let session = newSession(transport === 'auto' ? preferred(base) : transport, transport === 'auto', route, reloaded)
  let link: Link | null = null
  let openedAt = clock.now()
  let [heardAt, lookedAt] = [openedAt, openedAt]
  let keepalive = KEEPALIVE_MS
  const [waiting, doubting, looking] = [clock.timer(), clock.timer(), clock.timer()]

  function happened(event: SessionEvent): void {
    const before = session.phase
    const [next, effects] = reduce(session, event, clock.random())
    session = next
    effects.forEach(act)
    if (session.phase !== before) {
      if (session.phase === 'open') openedAt = clock.now()
      if (session.phase === 'closed') looking()
      changed(session)
    }
  }

  function act(effect: Effect): void {
    switch (effect.type) {
      case 'open': openLink(effect.query); break
      case 'close':
        waiting()
        closeLink()
        break
      case 'send':
        link?.send(effect.message, session.connectionId)
        if (effect.message.type === 'ping') doubting(ANSWER_MS, giveUp)
        break
      case 'wait': waiting(effect.ms, () => { happened({ type: 'due' }) }); break
      case 'probe': {
        const { attempt } = session
        void probe(base).then((isThere) => { if (isThere) happened({ type: 'reachable', attempt }) })
      }
    }
  }

  function openLink(query: Readonly<Record<string, string>>): void {
    const { attempt, transport } = session
    doubting(CONNECT_MS, giveUp)
    try {
      const whole = new URLSearchParams({ ...query, tab, ...version && { v: version } })
      link = links[transport](base, whole, { received: hear, ended: (code) => { ended(attempt, code) } })
    } catch {
      queueMicrotask(() => { ended(attempt, null) })
    }
  }

  function closeLink(): void {
    doubting()
    link?.close()
    link = null
  }

  function hear(text: string): void {
    doubting()
    heardAt = clock.now()
    const found = read(text)
    if (!found) return
    if (found.known?.type === 'connected') keepalive = Number(found.known.keepalive) || KEEPALIVE_MS
    if (found.known) happened({ type: 'received', known: found.known })
    received(found)
  }

  function ended(attempt: number, code: number | null): void {
    happened({ type: 'ended', attempt, code, wasBrief: clock.now() - openedAt < BRIEF_MS })
  }

  /** Nothing was heard in time. */
  function giveUp(): void {
    closeLink()
    ended(session.attempt, null)
  }

  function look(): void {
    const now = clock.now()
    const isSilent = session.transport === 'sse' && now - heardAt > 3 * keepalive
    if (session.phase === 'open' && isSilent) giveUp()
    else if (now - lookedAt > 3 * LOOK_MS) happened({ type: 'doubted' })
    lookedAt = now
    looking(LOOK_MS, look)
  }

  looking(LOOK_MS, look)
  return { get session() { return session }, happened }
}
