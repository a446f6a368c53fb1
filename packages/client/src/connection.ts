// Acts on the effects of the session: the one place that holds its line and its timers.
//
// A link is taken for dead if it has said nothing for too long: after it was opened, after it was doubted, and over SSE,
// where signs of life arrive by themselves, at any time. A WebSocket at rest is silent; its server finds the dead ones.

import type { Environment } from './environment.js'
import { createLine } from './line.js'
import { read, type Received } from './messages.js'
import { newSession, reduce, type Effect, type Session, type SessionEvent } from './session.js'
import type { TransportName } from './transport/link.js'

/** How often a server sends a sign of life that does not say so, milliseconds. */
const KEEPALIVE_MS = 30_000
/** When a WebSocket of this tab last did not get through, milliseconds since the Unix epoch. */
const KEY = 'headcount.sse'
/** For how long its pages begin with SSE then, milliseconds. */
const REMEMBERED_MS = 3_600_000
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
  { base, transport, version, tab, route, reloaded }: ConnectionSettings,
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
  const line = createLine(base, { tab, ...version && { v: version } }, environment, {
    heard(text) {
      const found = read(text)
      if (!found) return
      if (found.known?.type === 'connected') keepalive = Number(found.known.keepalive) || KEEPALIVE_MS
      if (found.known) happened({ type: 'received', known: found.known })
      received(found)
    },
    ended(attempt, code, wasBrief) { happened({ type: 'ended', attempt, code, wasBrief }) },
  })

  function happened(event: SessionEvent): void {
    const before = session
    const [next, effects] = reduce(session, event, clock.random())
    session = next
    effects.forEach(act)
    if (session.transport !== before.transport) place.write(KEY, session.transport === 'sse' ? `${clock.now()}` : '')
    if (session.phase === before.phase) return
    if (session.phase === 'open') line.opened()
    if (session.phase === 'closed') stopLooking()
    changed(session)
  }

  function act(effect: Effect): void {
    switch (effect.type) {
      case 'open': line.open(session.attempt, session.transport, effect.query); break
      case 'close':
        waiting()
        line.close()
        break
      case 'send': line.send(effect.message, session.connectionId); break
      case 'wait': waiting(effect.ms, () => { happened({ type: 'due' }) }); break
      case 'probe': {
        const { attempt } = session
        void probe(base).then((isThere) => { if (isThere) happened({ type: 'reachable', attempt }) })
      }
    }
  }

  const stopLooking = watchClock(environment, (hasSlept) => {
    const hadToEnd = session.phase === 'open' && session.transport === 'sse' && line.endIfSilent(3 * keepalive)
    if (hasSlept && !hadToEnd) happened({ type: 'doubted' })
  })
  return { get session() { return session }, happened }
}

/** Calls `look` ever again, and says whether the machine slept meanwhile, until the function that it returns is called. */
function watchClock({ clock }: Pick<Environment, 'clock'>, look: (hasSlept: boolean) => void): () => void {
  let lookedAt = clock.now()
  const looking = clock.timer()
  const again = (): void => {
    looking(LOOK_MS, () => {
      const before = lookedAt
      lookedAt = clock.now()
      again()
      look(lookedAt - before > 3 * LOOK_MS)
    })
  }
  again()
  return looking
}
