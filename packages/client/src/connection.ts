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
/** Three keepalives of the server's default, milliseconds. */
const SILENCE_MS = 90_000
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
  const automatic = settings.transport === 'auto'
  let session = newSession(settings.transport === 'auto' ? preferred(settings.base) : settings.transport, automatic, settings.route)
  let link: Link | null = null
  let openedAt = clock.now()
  let heardAt = openedAt
  const never = (): void => {}
  let [stopWaiting, stopDoubting, stopLooking] = [never, never, never]

  function happened(event: SessionEvent): void {
    const before = session.phase
    const [next, effects] = reduce(session, event, clock.random())
    session = next
    effects.forEach(act)
    if (session.phase !== before) {
      if (session.phase === 'open') openedAt = clock.now()
      if (session.phase === 'closed') stopLooking()
      changed(session)
    }
  }

  function act(effect: Effect): void {
    switch (effect.type) {
      case 'open': openLink(effect); break
      case 'close': closeLink(); break
      case 'send': link?.send(effect.message); break
      case 'stop-waiting': stopWaiting(); break
      case 'wait':
        stopWaiting()
        stopWaiting = clock.after(effect.ms, () => { happened({ type: 'due' }) })
        break
      case 'doubt': doubt(effect.attempt, ANSWER_MS); break
      case 'probe': {
        const { attempt } = effect
        void probe(settings.base).then((isThere) => { if (isThere) happened({ type: 'reachable', attempt }) })
      }
    }
  }

  function openLink({ attempt, transport, route, resume }: Effect & { type: 'open' }): void {
    stopWaiting()
    const query = new URLSearchParams({ route, tab: settings.tab })
    if (settings.version !== undefined) query.set('v', settings.version)
    if (resume !== null) query.set('since', resume)
    const ended = (code: number | null): void => {
      if (attempt === session.attempt) stopDoubting()
      happened({ type: 'ended', attempt, code, wasBrief: clock.now() - openedAt < BRIEF_MS })
    }
    doubt(attempt, CONNECT_MS)
    try {
      link = links[transport](settings.base, query, { received: (text, resume) => { hear(attempt, text, resume) }, ended })
    } catch {
      queueMicrotask(() => { ended(null) })
    }
  }

  function closeLink(): void {
    stopDoubting()
    link?.close()
    link = null
  }

  function hear(attempt: number, text: string, resume: string | null): void {
    if (attempt !== session.attempt) return
    stopDoubting()
    heardAt = clock.now()
    const found = read(text)
    happened({ type: 'received', attempt, known: found?.known ?? null, resume })
    if (found !== null) received(found)
  }

  /** Silence from now on for so long ends the attempt. */
  function doubt(attempt: number, ms: number): void {
    stopDoubting()
    stopDoubting = clock.after(ms, () => { happened({ type: 'late', attempt }) })
  }

  function look(expectedAt: number): void {
    const now = clock.now()
    const isSilent = session.transport === 'sse' && now - heardAt > SILENCE_MS
    if (session.phase === 'open' && isSilent) happened({ type: 'late', attempt: session.attempt })
    else if (now - expectedAt > 2 * LOOK_MS) happened({ type: 'doubted' })
    lookLater()
  }

  function lookLater(): void {
    const expectedAt = clock.now() + LOOK_MS
    stopLooking = clock.after(LOOK_MS, () => { look(expectedAt) })
  }

  lookLater()
  return { get session() { return session }, happened }
}
