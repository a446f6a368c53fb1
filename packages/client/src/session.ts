// What the link of a tab does next: a pure function of what it is and what happened.
//
// Invariants: there is at most one attempt at a time, numbered, and what an abandoned one still tells is ignored; the route
// that goes out is the one shown now; a subscription that is wanted is asked for on each stream anew; only a close code
// that forbids it, or `stop`, ends the trying.
//
// Deliberately absent: time, chance (an argument) and the browser. The shell that acts on the effects is `connection.ts`.

import { returnAfter, wait_ms } from './backoff.js'
import type { ClientMessage, KnownMessage } from './messages.js'
import { other } from './transport/choose.js'
import type { TransportName } from './transport/link.js'

/**
 * `connecting` and `waiting` for the next attempt; `open`: counted; `paused`: offline, out of sight for long, or in the
 * back/forward cache; `closed`: for good. `idle` is before the start.
 */
export type Phase = 'idle' | 'connecting' | 'open' | 'waiting' | 'paused' | 'closed'

/** A tab's link, whole. */
export interface Session {
  readonly phase: Phase
  /** The number of the latest attempt. */
  readonly attempt: number
  /** Attempts since the last one that led to a stream of use. */
  readonly failures: number
  readonly transport: TransportName
  /** Whether the other transport may be tried. */
  readonly mayChange: boolean
  /** Why no attempt is made, if for any reason. */
  readonly offline: boolean
  readonly hidden: boolean
  readonly away: boolean
  /** The page shown now, and the one the server was told. */
  readonly route: string
  readonly toldRoute: string
  /** What the server gave to bring back, for as long as this page is loaded. */
  readonly resume: string | null
  readonly subscribed: boolean
  /** Whether an announced return is due while the old stream may still be open. */
  readonly returning: boolean
}

/** What a page goes through. `left` and `back`: for and from the back/forward cache. `doubted`: the link may be dead. */
export interface PageEvent {
  readonly type: 'start' | 'online' | 'offline' | 'shown' | 'hidden' | 'left' | 'back' | 'doubted'
}

/** What can happen to it. `due`: a wait is over. `late`: nothing was heard in time.
 * `wasBrief`: it ended before it was of any use. `reachable`: the server answers a probe. */
export type SessionEvent =
  | PageEvent
  | { readonly type: 'stop' | 'due' | 'subscribe' | 'unsubscribe' }
  | { readonly type: 'navigated'; readonly route: string }
  | { readonly type: 'received'; readonly attempt: number; readonly known: KnownMessage | null; readonly resume: string | null }
  | { readonly type: 'ended'; readonly attempt: number; readonly code: number | null; readonly wasBrief: boolean }
  | { readonly type: 'late'; readonly attempt: number }
  | { readonly type: 'reachable'; readonly attempt: number }

/** What is to be done about it, in this order. `probe`: is the server there at all? `doubt`: end this attempt if nothing is heard. */
export type Effect =
  | { readonly type: 'open'; readonly attempt: number; readonly transport: TransportName; readonly route: string; readonly resume: string | null }
  | { readonly type: 'close' | 'stop-waiting' }
  | { readonly type: 'wait'; readonly ms: number }
  | { readonly type: 'send'; readonly message: ClientMessage }
  | { readonly type: 'probe' | 'doubt'; readonly attempt: number }

/** A step: what the link is now, and what to do. */
export type Step = readonly [Session, readonly Effect[]]

/** Attempts out of sight before pausing until somebody looks: two minutes on average. */
export const HIDDEN_FAILURES_MAX = 12

/** A link that has not begun. */
export function newSession(transport: TransportName, mayChange: boolean, route: string): Session {
  return {
    phase: 'idle', attempt: 0, failures: 0, transport, mayChange, offline: false, hidden: false, away: false,
    route, toldRoute: route, resume: null, subscribed: false, returning: false,
  }
}

/** The step that `event` leads to. `chance` is a random number from 0 up to, and without, 1. */
export function reduce(session: Session, event: SessionEvent, chance: number): Step {
  if (session.phase === 'closed') return [session, []]
  if ('attempt' in event && event.attempt !== session.attempt) return [session, []]
  switch (event.type) {
    case 'start': return session.phase === 'idle' ? open(session) : [session, []]
    case 'stop': return shut(session, 'closed')
    case 'received': return received(session, event.known, event.resume)
    case 'ended': return isLive(session) ? ended(session, event.code, event.wasBrief, chance) : [session, []]
    case 'late': return isLive(session) ? after([{ type: 'close' }], ended(session, null, false, chance)) : [session, []]
    case 'reachable': return [isLive(session) ? session : { ...session, transport: other(session.transport) }, []]
    case 'due': return session.phase === 'waiting' || session.returning ? open(session) : [session, []]
    case 'doubted': return doubted(session)
    case 'navigated': return navigated(session, event.route)
    case 'subscribe': return subscribe({ ...session, subscribed: true })
    case 'unsubscribe': return unsubscribe({ ...session, subscribed: false })
    default: return circumstances(session, event.type, chance)
  }
}

function circumstances(session: Session, type: 'online' | 'offline' | 'shown' | 'hidden' | 'left' | 'back', chance: number): Step {
  switch (type) {
    case 'offline': return pauseIf({ ...session, offline: true })
    case 'online': return resumed({ ...session, offline: false }, wait_ms(0, chance))
    case 'hidden': return [{ ...session, hidden: true }, []]
    case 'shown': return resumed({ ...session, hidden: false }, wait_ms(0, chance))
    case 'left': return session.phase === 'idle' ? [session, []] : shut({ ...session, away: true }, 'paused')
    case 'back': return resumed({ ...session, away: false }, 0)
  }
}

function open(session: Session): Step {
  const attempt = session.attempt + 1
  const { transport, route, resume } = session
  return [
    { ...session, phase: 'connecting', attempt, toldRoute: route, returning: false },
    [{ type: 'close' }, { type: 'open', attempt, transport, route, resume }],
  ]
}

function shut(session: Session, phase: 'closed' | 'paused'): Step {
  return [{ ...session, phase, attempt: session.attempt + 1, failures: 0, returning: false }, [{ type: 'stop-waiting' }, { type: 'close' }]]
}

function received(session: Session, known: KnownMessage | null, resume: string | null): Step {
  const heard = resume === null ? session : { ...session, resume }
  if (known?.type === 'connected' && heard.phase === 'connecting') return connected({ ...heard, phase: 'open' })
  if (known?.type === 'reconnect') {
    // At least a moment, so that a server that says so with every stream is not called without a pause.
    return [{ ...heard, returning: true }, [{ type: 'wait', ms: Math.max(100, known.after) }]]
  }
  return [heard, []]
}

function connected(session: Session): Step {
  const [moved, effects] = navigated(session, session.route)
  return session.subscribed ? after(effects, subscribe(moved)) : [moved, effects]
}

/** A stream that opens and ends at once, as crawlers get it, is a failure like one that never opened. */
function ended(session: Session, code: number | null, wasBrief: boolean, chance: number): Step {
  const advice = returnAfter(code)
  if (advice === 'never') return shut(session, 'closed')
  if (session.returning) return pauseIf({ ...session, phase: 'waiting' })
  const hadOpened = session.phase === 'open'
  const failures = hadOpened && !wasBrief ? 0 : session.failures + 1
  const ms = advice === 'soon' ? wait_ms(0, chance) : wait_ms(failures, chance)
  const effects: Effect[] = [{ type: 'wait', ms }]
  if (!hadOpened && session.mayChange) effects.push({ type: 'probe', attempt: session.attempt })
  return after(effects, pauseIf({ ...session, phase: 'waiting', failures }))
}

function navigated(session: Session, route: string): Step {
  const moved = { ...session, route }
  const isNews = session.phase === 'open' && session.toldRoute !== route
  return isNews ? say({ ...moved, toldRoute: route }, { type: 'route-update', route }) : [moved, []]
}

function subscribe(session: Session): Step {
  return say(session, { type: 'subscribe-stats' })
}

/** Over SSE nothing but the end of the stream ends a subscription. */
function unsubscribe(session: Session): Step {
  return session.phase === 'open' && session.transport === 'sse' ? open(session) : say(session, { type: 'unsubscribe-stats' })
}

function say(session: Session, message: ClientMessage): Step {
  return [session, session.phase === 'open' ? [{ type: 'send', message }] : []]
}

/** After sleep or a change of networks an open link may be dead without knowing. SSE cannot be asked, but is never silent for long. */
function doubted(session: Session): Step {
  if (session.phase !== 'open' || session.transport === 'sse') return [session, []]
  return after([{ type: 'doubt', attempt: session.attempt }], say(session, { type: 'ping' }))
}

function pauseIf(session: Session): Step {
  const hiddenForLong = session.hidden && session.failures >= HIDDEN_FAILURES_MAX
  const mayTry = !session.offline && !session.away && !hiddenForLong
  if (session.phase !== 'waiting' || mayTry) return [session, []]
  return [{ ...session, phase: 'paused', returning: false }, [{ type: 'stop-waiting' }]]
}

/** A reason to pause is gone: the next attempt comes soon if no other is left, and an open link is asked whether it lives. */
function resumed(session: Session, ms: number): Step {
  if (session.phase === 'open') return doubted(session)
  if (session.phase !== 'paused' || session.offline || session.away) return [session, []]
  return [{ ...session, phase: 'waiting', failures: 0 }, [{ type: 'wait', ms }]]
}

function isLive(session: Session): boolean {
  return session.phase === 'connecting' || session.phase === 'open'
}

function after(first: readonly Effect[], [session, rest]: Step): Step {
  return [session, [...first, ...rest]]
}
