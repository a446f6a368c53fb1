// Acts on the effects of the session: the one place that holds its line and its timers, and that remembers which transport got through.

import type { Environment } from './environment.js'
import type { HeadcountOptions } from './face.js'
import type { Identity } from './identity.js'
import { createLine } from './line.js'
import { read, type Received } from './messages.js'
import { takeReloaded } from './reloaded.js'
import { newSession, reduce, type Effect, type Phase, type Query, type Session, type SessionEvent } from './session.js'
import type { TransportName } from './transport/link.js'

/** The keepalive of a server that does not send it, milliseconds. */
const KEEPALIVE_MS = 30_000
/** When it was last found out that WebSocket does not get through: written by `transport/beside.ts`, which is another file of the build. */
const KEY = 'headcount.sse'

/** A link that is kept up. */
export interface Connection {
  readonly session: Session
  readonly happened: (event: SessionEvent) => void
}

/** That of the tab `tab`. Begins with the event `start`. `changed` hears of every other phase, `received` of every message. */
export function createConnection(
  { base, version, transport = 'auto', route }: HeadcountOptions & { readonly base: URL },
  environment: Pick<Environment, 'clock' | 'isReload' | 'links' | 'place' | 'probe'> & { readonly page: { readonly location: Pick<Location, 'href' | 'pathname'> } },
  tab: Pick<Identity, 'id' | 'renew'>, changed: (phase: Phase) => void, received: (received: Received) => void,
): Connection {
  const { clock, isReload, links, page, place, probe } = environment
  const query = (): Query => ({ tab: tab.id, alive: '1', ...version && { v: version } })
  const isAuto = !(transport in links)
  let session = newSession(isAuto ? place.read(KEY) ? 'sse' : 'websocket' : transport as TransportName, isAuto, route ?? page.location.pathname, takeReloaded(place, isReload, page.location.href))
  const waiting = clock.timer()
  const line = createLine(base, query, environment, {
    heard(text) {
      const found = read(text)
      if (!found) return
      if (found.known?.type === 'connected') line.opened(every(found.known.keepalive))
      if (found.known) happened({ type: 'received', known: found.known })
      received(found)
    },
    ended(attempt, code, wasBrief) { happened({ type: 'ended', attempt, code, wasBrief }) },
    silent() { happened({ type: 'silent' }) },
    memory: isAuto && place,
  })

  function happened(event: SessionEvent): void {
    const before = session
    const [next, effects] = reduce(session, event, clock.random())
    session = next
    effects.forEach(act)
    if (session.transport !== before.transport) place.write(KEY, '')
    if (session.phase !== before.phase) changed(session.phase)
  }

  function act(effect: Effect): void {
    switch (effect.type) {
      case 'open': line.open(session.attempt, session.transport, effect.query); break
      case 'close':
        waiting()
        line.close()
        break
      case 'rename': tab.renew(); break
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
function every(keepalive = 0): number {
  return keepalive > 99 ? keepalive : KEEPALIVE_MS
}
