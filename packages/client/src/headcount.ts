// The client: everything else, put together.

import { createConnection, type Connection } from './connection.js'
import type { Environment } from './environment.js'
import { createListeners, type Listeners } from './events.js'
import { createIdentity, type Identity } from './identity.js'
import { watchLifecycle } from './lifecycle.js'
import type { Headcount, HeadcountOptions } from './face.js'
import { createMembers, type Join } from './members.js'
import type { Outcome, Received } from './messages.js'
import { createNumbers, type Numbers } from './numbers.js'
import { refreshNeeds } from './refresh-needs.js'
import { createLateRefresh, type LateRefresh } from './refreshing-later.js'
import { watchRoute } from './route.js'
import type { PageEvent } from './session.js'
import { watchWork, type Work } from './work.js'

/** Starts the client of a page in `environment`, for the members that join it. */
export function startHeadcount(options: HeadcountOptions & { readonly base: URL }, environment: Environment): Join {
  const { page, place, loadQuestion, loadReading, loadRefresh } = environment
  const { base, banner } = options
  const report = (error: unknown): void => { page.reportError(error) }
  const stop = new AbortController()
  const { signal } = stop
  const listeners = createListeners(report)
  const tab = createIdentity(place, page.crypto)
  const work = watchWork(page.document, () => {
    refresh.load()
    if (banner !== false) loadQuestion().catch(() => {})
  }, signal)
  const acknowledge = (id: number, outcome: Outcome): void => { connection.happened({ type: 'ack', id, outcome }) }
  const refresh = createLateRefresh(() => loadRefresh(base), refreshNeeds(options, environment, listeners, tab, work, acknowledge, signal), listeners)
  const numbers = createNumbers(loadReading, listeners, (connections) => { connection.happened({ type: 'subscribe', connections }) }, report)
  const connection = createConnection(options, environment, tab, (phase) => { listeners.emit('state', phase) }, (received) => {
    hear(received, listeners, refresh)
    numbers.received(received.message)
  })
  const reporters = new Set<unknown>()
  const core = coreOf(connection, listeners, numbers, refresh, stop, work)
  watchRoute(page, (route) => { if (reporters.size === 0) core.navigated(route) }, signal)
  watchLifecycle(page, (event) => { live(event, connection, refresh, tab) }, signal)
  return createMembers(core, options, reporters)
}

/** Messages of the server: the listeners get them first. */
function hear({ message, known }: Received, { emit }: Listeners, refresh: LateRefresh): void {
  emit('message', message)
  if (known?.type === 'connected') emit('connected', known)
  if (known?.type === 'version') {
    emit('version', known)
    refresh.told(known)
  }
}

/** What the page goes through. */
function live(event: PageEvent, connection: Connection, refresh: LateRefresh, tab: Identity): void {
  if (event.type === 'left') tab.leave()
  if (event.type === 'back') tab.take()
  connection.happened(event)
  if (event.type === 'hidden') refresh.happened({ type: 'considered' })
}

/** The state that the members share. */
function coreOf(connection: Connection, listeners: Listeners, numbers: Numbers, refresh: LateRefresh, stop: AbortController, work: Work): Headcount {
  return {
    get state() { return connection.session.phase },
    get route() { return connection.session.route },
    get stats() { return numbers.stats },
    on: listeners.on,
    subscribe: numbers.subscribe,
    navigated(route) {
      if (route === connection.session.route) return
      connection.happened({ type: 'navigated', route })
      listeners.emit('route', route)
      work.navigated()
      refresh.happened({ type: 'navigated' })
    },
    hold: work.hold,
    saved: work.saved,
    refresh() { refresh.happened({ type: 'consented' }) },
    reconnect() {
      connection.happened({ type: 'left' })
      connection.happened({ type: 'back' })
    },
    close() {
      stop.abort()
      refresh.happened({ type: 'stopped' })
      connection.happened({ type: 'stop' })
    },
  }
}

/** With a slash at its end, so that endpoints are resolved below it. */
export function baseOf({ base = '/__skew' }: HeadcountOptions, page: Window): URL {
  const found = new URL(base, page.location.href)
  found.pathname = found.pathname.replace(/\/*$/, '/')
  return found
}
