// What the link of a tab does next: a pure function of what it is and what happened.
//
// Invariants: there is at most one attempt at a time, numbered, and events of an abandoned one are ignored; the route
// that is sent is the one shown now; a subscription is sent again on each stream; only a close code that forbids it, or
// `stop`, ends the attempts; a tab whose id another has reconnects once, under a new one that no other can have until
// the user leaves this page.
//
// Deliberately absent: time, chance (an argument) and the browser. The shell that acts on the effects is `connection.ts`.

import { returnAfter, wait_ms } from './backoff.js'
import type { Ack, ClientMessage, Connected, KnownMessage } from './messages.js'
import type { TransportName } from './transport/link.js'

/**
 * `connecting` and `waiting` for the next attempt; `open`: counted; `paused`: offline, out of sight for long, or in the
 * back/forward cache; `closed`: permanently. `idle` is before the start.
 */
export type Phase = 'idle' | 'connecting' | 'open' | 'waiting' | 'paused' | 'closed'

/** What a stream is opened with. */
export type Query = Readonly<Record<string, string>>

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
  /** The page shown now, and what the server was told of that and of `hidden`. */
  readonly route: string
  readonly toldRoute: string
  readonly toldHidden: boolean
  /** The id of the open stream. */
  readonly connectionId: string
  /** What to bring back for as long as this page is loaded: `since;told,told`. Empty before the server gave any. */
  readonly resume: string
  /** The commands that this page was reloaded for, until the server was told. */
  readonly reloaded: string
  /** Stats with single connections, or without, or none. */
  readonly subscribed: boolean | null
  /** Whether an announced reconnect is due while the old stream may still be open. */
  readonly returning: boolean
  /** Whether this page has taken another tab id, since another tab has its own. */
  readonly renamed: boolean
}

/** What a page goes through. `left` and `back`: for and from the back/forward cache. `doubted`: the link may be dead. */
export interface PageEvent {
  readonly type: 'start' | 'online' | 'offline' | 'shown' | 'hidden' | 'left' | 'back' | 'doubted'
}

/** What can happen to it. `due`: a wait is over. `silent`: nothing was heard for too long. `wasBrief`: it ended before it was of any use.
 * `reachable`: the server answers a probe. */
export type SessionEvent =
  | PageEvent
  | { readonly type: 'stop' | 'due' | 'silent' }
  | { readonly type: 'navigated'; readonly route: string }
  | { readonly type: 'subscribe'; readonly connections: boolean | null }
  | Ack
  | { readonly type: 'received'; readonly known: KnownMessage }
  | { readonly type: 'ended'; readonly attempt: number; readonly code: number | null; readonly wasBrief: boolean }
  | { readonly type: 'reachable'; readonly attempt: number }

/** Actions, in this order. `close` ends the link and the wait. `probe` asks whether the server answers at all. `rename`: the tab needs another id. */
export type Effect =
  | { readonly type: 'open'; readonly query: Query }
  | { readonly type: 'close' | 'probe' | 'rename' }
  | { readonly type: 'wait'; readonly ms: number }
  | { readonly type: 'send'; readonly message: ClientMessage }

/** A link in the middle of a step, and its actions so far. */
type Draft = { -readonly [Field in keyof Session]: Session[Field] } & { readonly effects: Effect[] }

/** A step: what the link is now, and what to do. */
export type Step = readonly [Session, readonly Effect[]]

/** Attempts of a hidden tab before it pauses until it is visible: two minutes on average. */
export const HIDDEN_FAILURES_MAX = 12

/** Another tab came with this one's id: the browser copied it, by `window.open` or by duplicating or restoring a tab. */
const REPLACED = 4409
/** At most 64 rules stand at once, but more may have stood since this page was loaded. Bounded by what fits into a request. */
const TOLD_MAX = 512

/** A link that has not begun. */
export function newSession(transport: TransportName, mayChange: boolean, route: string, reloaded: string): Session {
  return {
    phase: 'idle', attempt: 0, failures: 0, transport, mayChange, offline: false, hidden: false, away: false,
    route, toldRoute: route, toldHidden: false, connectionId: '', resume: '', reloaded, subscribed: null, returning: false, renamed: false,
  }
}

/** The step that `event` leads to. `chance` is a random number from 0 up to, and without, 1. */
export function reduce(before: Session, event: SessionEvent, chance: number): Step {
  const draft: Draft = { ...before, effects: [] }
  const isStale = 'attempt' in event && event.attempt !== before.attempt
  if (before.phase !== 'closed' && !isStale) happen(draft, event, chance)
  const { effects, ...session } = draft
  return [session, effects]
}

function happen(link: Draft, event: SessionEvent, chance: number): void {
  switch (event.type) {
    case 'start': if (link.phase === 'idle') open(link); break
    case 'stop': shut(link, 'closed'); break
    case 'received': received(link, event.known); break
    case 'ended': if (isLive(link)) ended(link, event.code, event.wasBrief, chance); break
    case 'reachable': if (!isLive(link)) link.transport = link.transport === 'sse' ? 'websocket' : 'sse'; break
    case 'due': if (link.phase === 'waiting' || link.returning) open(link); break
    case 'doubted': doubted(link); break
    case 'silent': say(link, { type: 'ping' }); break
    case 'ack': say(link, event); break
    case 'navigated':
      link.route = event.route
      tell(link)
      break
    case 'subscribe':
      link.subscribed = event.connections
      subscribe(link)
      break
    default: circumstances(link, event.type, chance)
  }
}

function circumstances(link: Draft, type: 'online' | 'offline' | 'shown' | 'hidden' | 'left' | 'back', chance: number): void {
  switch (type) {
    case 'offline':
      link.offline = true
      if (link.phase === 'connecting') link.phase = 'waiting' // Without a network it may hang until long after that is back.
      pauseIf(link)
      break
    case 'online':
      link.offline = false
      resumed(link, chance)
      break
    case 'hidden':
      link.hidden = true
      tell(link)
      break
    case 'shown':
      link.hidden = false
      tell(link)
      resumed(link, chance)
      break
    case 'left':
      link.away = true
      link.renamed = false // The id is where a copy of the tab may find it.
      if (link.phase !== 'idle') shut(link, 'paused')
      break
    case 'back':
      link.away = false
      resumed(link, 0)
  }
}

function open(link: Draft): void {
  const { route, hidden, resume, reloaded } = link
  const query = { route, ...hidden && { visibility: 'hidden' }, ...resume && { since: resume }, ...reloaded && { reloaded } }
  leave(link, 'connecting')
  link.toldRoute = route
  link.toldHidden = hidden
  link.effects.push({ type: 'open', query })
}

function leave(link: Draft, phase: Phase): void {
  link.phase = phase
  link.attempt++
  link.returning = false
  link.effects.push({ type: 'close' })
}

function shut(link: Draft, phase: 'closed' | 'paused'): void {
  leave(link, phase)
  link.failures = 0
}

function received(link: Draft, known: KnownMessage): void {
  if (known.type === 'connected' && isLive(link)) connected(link, known)
  else if (known.type === 'version' && (known.force || known.prompt)) link.resume = withTold(link.resume, known.id)
  else if (known.type === 'reconnect') {
    link.returning = true
    // At least a moment, so that a server that sends this on every stream does not cause a loop.
    link.effects.push({ type: 'wait', ms: Math.max(100, known.after) })
  }
}

function connected(link: Draft, { connectionId, resume = link.resume }: Connected): void {
  // On an open stream it comes from a WebSocket that replaces the stream. What the client sent on the stream since then is
  // sent again.
  if (link.phase === 'open') {
    link.transport = 'websocket'
    link.toldRoute = ''
    link.toldHidden = !link.hidden
  }
  link.phase = 'open'
  link.connectionId = connectionId
  link.resume = resume
  link.reloaded = ''
  tell(link)
  if (link.subscribed !== null) subscribe(link)
}

/** A resume id, and one more command that this page was told. */
function withTold(resume: string, id: number | undefined): string {
  const [since, told] = resume.split(';')
  if (!since || id === undefined) return resume
  return `${since};${[...new Set(told?.split(',')).add(`${id}`)].slice(-TOLD_MAX).join()}`
}

/** A stream that opens and ends at once, as crawlers get it, is a failure like one that never opened. */
function ended(link: Draft, code: number | null, wasBrief: boolean, chance: number): void {
  const isTwin = code === REPLACED && !link.renamed
  if (isTwin) {
    link.renamed = true
    link.effects.push({ type: 'rename' })
  }
  const advice = isTwin ? 'soon' : returnAfter(code)
  const hadOpened = link.phase === 'open'
  if (advice === 'never') return shut(link, 'closed')
  link.phase = 'waiting'
  if (!link.returning) {
    link.failures = hadOpened && !wasBrief ? 0 : link.failures + 1
    link.effects.push({ type: 'wait', ms: wait_ms(advice === 'soon' ? 0 : link.failures, chance) })
    if (!hadOpened && link.mayChange) link.effects.push({ type: 'probe' })
  }
  pauseIf(link)
}

/** Sends the route and the visibility if the server does not know them yet. */
function tell(link: Draft): void {
  const { phase, route, hidden } = link
  if (phase !== 'open') return
  if (route !== link.toldRoute) say(link, { type: 'route-update', route: link.toldRoute = route })
  if (hidden !== link.toldHidden) {
    link.toldHidden = hidden
    say(link, { type: 'visibility', state: hidden ? 'hidden' : 'visible' })
  }
}

function subscribe(link: Draft): void {
  const connections = link.subscribed
  say(link, connections === null ? { type: 'unsubscribe-stats' } : { type: 'subscribe-stats', delta: true, connections })
}

function say(link: Draft, message: ClientMessage): void {
  if (link.phase === 'open') link.effects.push({ type: 'send', message })
}

/** After a change of networks an open link may be dead without knowing. Over SSE the question is a POST; that waits until the link is silent. */
function doubted(link: Draft): void {
  if (link.transport === 'websocket') say(link, { type: 'ping' })
}

function pauseIf(link: Draft): void {
  const hiddenForLong = link.hidden && link.failures >= HIDDEN_FAILURES_MAX
  if (link.phase === 'waiting' && (link.offline || link.away || hiddenForLong)) leave(link, 'paused')
}

/** A reason to pause is gone: the next attempt comes soon if no other is left, and an open link is asked whether it lives. */
function resumed(link: Draft, chance: number): void {
  doubted(link)
  if (link.phase !== 'paused' || link.offline || link.away) return
  link.phase = 'waiting'
  link.failures = 0
  link.effects.push({ type: 'wait', ms: wait_ms(0, chance) })
}

function isLive({ phase }: Session): boolean {
  return phase === 'connecting' || phase === 'open'
}
