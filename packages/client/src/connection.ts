// Acts on the effects of the session: the one place that holds its line and its timers, and that remembers which transport got through.

import type { Environment } from './environment.js'
import { createLine } from './line.js'
import { read, type Received } from './messages.js'
import { newSession, reduce, type Effect, type Session, type SessionEvent } from './session.js'
import type { TransportName } from './transport/link.js'

/** How often a server gives a sign of life that does not say so, milliseconds. */
const KEEPALIVE_MS = 30_000
/** When a WebSocket of this tab last did not get through, milliseconds since the Unix epoch. */
const KEY = 'headcount.sse'
/** For how long its pages begin with SSE then, milliseconds. */
const REMEMBERED_MS = 3_600_000

/** What the connection needs to know. */
export interface ConnectionSettings {
  /** `B` with a slash at the end. */
  readonly base: URL
  /** `auto`, or the only one to use. */
  readonly transport: TransportName | 'auto'
  /** What is in every query: the tab's id, that it gives signs of life, and the build. */
  readonly query: () => Readonly<Record<string, string>>
  /** Makes another id for the tab. */
  readonly rename: () => void
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
  { base, transport, query, rename, route, reloaded }: ConnectionSettings,
  environment: Pick<Environment, 'clock' | 'links' | 'places' | 'probe'>,
  changed: (session: Session) => void,
  received: (received: Received) => void,
): Connection {
  const { clock, places: [place], probe } = environment
  const isAuto = transport === 'auto'
  const first = clock.now() - Number(place.read(KEY)) < REMEMBERED_MS ? 'sse' : 'websocket'
  let session = newSession(isAuto ? first : transport, isAuto, route, reloaded)
  let keepalive = KEEPALIVE_MS
  const waiting = clock.timer()
  const line = createLine(base, query, environment, {
    heard(text) {
      const found = read(text)
      if (!found) return
      if (found.known?.type === 'connected') keepalive = every(found.known.keepalive)
      if (found.known) happened({ type: 'received', known: found.known })
      received(found)
    },
    ended(attempt, code, wasBrief) { happened({ type: 'ended', attempt, code, wasBrief }) },
    silent() { happened({ type: 'silent' }) },
  })

  function happened(event: SessionEvent): void {
    const before = session
    const [next, effects] = reduce(session, event, clock.random())
    session = next
    effects.forEach(act)
    if (session.transport !== before.transport) place.write(KEY, session.transport === 'sse' ? `${clock.now()}` : '')
    if (session.phase === before.phase) return
    if (session.phase === 'open') line.opened(keepalive)
    changed(session)
  }

  function act(effect: Effect): void {
    switch (effect.type) {
      case 'open': line.open(session.attempt, session.transport, effect.query); break
      case 'close':
        waiting()
        line.close()
        break
      case 'rename': rename(); break
      case 'send': line.send(effect.message, session.connectionId); break
      case 'wait': waiting(effect.ms, () => { happened({ type: 'due' }) }); break
      case 'probe': {
        const { attempt } = session
        void probe(base).then((isThere) => { if (isThere) happened({ type: 'reachable', attempt }) })
      }
    }
  }

  return { get session() { return session }, happened }
}

/** What no server would send, such as a time below its own least of 100 ms, is as good as nothing. */
function every(keepalive: unknown): number {
  return Number(keepalive) > 99 ? Number(keepalive) : KEEPALIVE_MS
}
