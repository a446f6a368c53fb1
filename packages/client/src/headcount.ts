// The client: everything else, put together.

import { createConnection } from './connection.js'
import type { Environment } from './environment.js'
import { createListeners, type HeadcountEvents } from './events.js'
import { createIdentity } from './identity.js'
import { watchLifecycle } from './lifecycle.js'
import { createMembers, type Join } from './members.js'
import { takeReloaded } from './reloaded.js'
import { drawPlain } from './plain.js'
import { createNumbers } from './numbers.js'
import type { BannerTexts } from './question.js'
import type { RefreshMode } from './refresh.js'
import { createLateRefresh } from './refreshing-later.js'
import { watchRoute } from './route.js'
import type { Phase } from './session.js'
import type { Stats } from './stats.js'
import type { SubscribeOptions } from './subscription.js'
import type { TransportName } from './transport/link.js'
import { watchWork } from './work.js'

/** How a client is set up. */
export interface HeadcountOptions {
  /**
   * The build in this bundle, as its release is announced. Without it the server takes the version cookie, which is the
   * browser's and not the tab's, or else the current release.
   */
  readonly version?: string
  /** Where the server's client endpoints are. Default `/__skew`, on the page's own origin. */
  readonly base?: string | URL
  /** Default `auto`: see README.md. */
  readonly transport?: TransportName | 'auto'
  /** The page shown now, for applications whose router reports by {@link Headcount.navigated}. Default: the browser is watched. */
  readonly route?: string
  /** When a forced refresh happens. Default `now`. Work that would be lost holds it in every mode. */
  readonly refresh?: RefreshMode
  /** How long a forced refresh may be put off before its user is asked, milliseconds. Default 300,000, five minutes. */
  readonly deadlineMs?: number
  /** Whether playing audio or video holds a refresh. Default `false`. */
  readonly media?: boolean
  /** Texts of the banner, or `false` for none: then listen to `prompt`. Default: English. */
  readonly banner?: Partial<BannerTexts> | false
}

/** A running client. */
export interface Headcount {
  /** Whether this tab is counted right now. */
  readonly state: Phase
  /** The page that the server is told. */
  readonly route: string
  /** The latest stats while subscribed, if this visitor may see them. */
  readonly stats: Stats | null
  /** Calls `listener` with each event of that name, until the function it returns is called. */
  on<Name extends keyof HeadcountEvents>(name: Name, listener: (event: HeadcountEvents[Name]) => void): () => void
  /** Asks for live stats, over reconnects too, until the function it returns is called by the last of those who asked. */
  subscribe(options?: SubscribeOptions): () => void
  /** The tab shows another page: a path. For routers; not needed where the browser is watched. */
  navigated(route: string): void
  /** Holds every refresh until the function it returns is called. */
  hold(reason: string): () => void
  /** What stands in the fields of `within`, or of the whole page, is saved. */
  saved(within?: Node): void
  /** Refreshes now, whatever would be lost. */
  refresh(): void
  /** Connects anew, with the cookies of now; a refresh under way goes on. After the end it does nothing. */
  reconnect(): void
  /** Ends what was asked for here; with the last of those who share the page's client, the connection and all watching. For good. */
  close(): void
}

const DEADLINE_MS = 300_000

/** Starts the client of a page in `environment`, for those who join it. */
export function startHeadcount(options: HeadcountOptions & { readonly base: URL }, environment: Environment): Join {
  const { page, clock, places: [place], isReload, loadQuestion, loadReading, loadRefresh, reload } = environment
  const { document } = page
  const { base, version, transport = 'auto', refresh: mode = 'now', deadlineMs = DEADLINE_MS, media = false, banner = {} } = options
  const { route = page.location.pathname } = options
  const report = (error: unknown): void => { page.reportError(error) }
  const stop = new AbortController()
  const { signal } = stop
  const listeners = createListeners(report)
  let isUnannounced = false
  const work = watchWork(document, () => {
    refresh.load()
    if (banner) loadQuestion().catch(() => {})
  }, signal)
  const tab = createIdentity(place, (words) => page.crypto.getRandomValues(words))
  const refresh = createLateRefresh(() => loadRefresh(base), {
    mode, deadline_ms: deadlineMs, clock, build: version ?? '', listeners, reload, tab: () => tab.id,
    places: (history) => [place, history(page, base)],
    acknowledge: (id, outcome) => { connection.happened({ type: 'ack', id, outcome }) },
    sight: () => ({ reasons: work.holds(), isHidden: document.hidden, isOnline: page.navigator.onLine, isUnannounced }),
    standing: (find) => find(document, media, work),
    hear: work.hear,
    asking: (show) => { if (banner) show((prompt) => drawPlain(document, banner, prompt), document, listeners, banner, environment, signal) },
  }, listeners)
  const numbers = createNumbers(loadReading, listeners, (connections) => { connection.happened({ type: 'subscribe', connections }) }, report)
  const last = takeReloaded(place)
  const connection = createConnection(
    { base, transport, query: () => ({ tab: tab.id, alive: '1', ...version && { v: version } }), rename: tab.renew, route, reloaded: isReload && last || '' },
    environment, ({ phase }) => { listeners.emit('state', phase) }, ({ message, known }) => {
      listeners.emit('message', message)
      if (known?.type === 'connected') {
        isUnannounced = known.announced === false
        listeners.emit('connected', known)
      }
      if (known?.type === 'version') {
        listeners.emit('version', known)
        refresh.told(known)
      }
      numbers.received(message)
    },
  )
  const navigated = (route: string): void => {
    if (route === connection.session.route) return
    connection.happened({ type: 'navigated', route })
    listeners.emit('route', route)
    work.navigated()
    refresh.happened({ type: 'navigated' })
  }
  const reporters = new Set<unknown>()
  watchRoute(page, (route) => { if (reporters.size === 0) navigated(route) }, signal)
  watchLifecycle(page, (event) => {
    if (event.type === 'left') tab.leave()
    if (event.type === 'back') tab.take()
    connection.happened(event)
    if (event.type === 'hidden') refresh.happened({ type: 'considered' })
  }, signal)
  return createMembers({
    get state() { return connection.session.phase },
    get route() { return connection.session.route },
    get stats() { return numbers.stats },
    on: listeners.on,
    subscribe: numbers.subscribe,
    navigated,
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
  }, options, reporters)
}

/** With a slash at its end, so that endpoints are resolved below it. */
export function baseOf({ base = '/__skew' }: HeadcountOptions, page: Window): URL {
  const found = new URL(base, page.location.href)
  found.pathname = found.pathname.replace(/\/*$/, '/')
  return found
}
