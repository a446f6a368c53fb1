// The hooks of nuxt-skew-protection, as types.
//
// `skew:stats` is deliberately not among them: the example of nuxt-skew-protection calls it as an undeclared hook.

import type { Message, StatsConnection } from '@headcount/client'
import type { H3Event } from 'h3'

/** A tab connected, or was connected already when this instance began to listen. */
export interface ConnectionOpen {
  /** Valid until it closes. */
  id: string
  /** The `buildId` that the tab runs. */
  version: string
  /** The page it shows, where `routeTracking` is on. */
  route?: string
  /** Its client address, where `ipTracking` is on and it is known. */
  ip?: string
  /** Whether it was connected before: after a restart of this instance, for instance. */
  replayed: boolean
  /** Sends a message to that very tab, now or later. At most once, in order; a tab that is gone gets nothing. */
  send: (data: unknown) => void
}

/** A tab shows another page. */
export interface ConnectionRouteUpdate {
  id: string
  route: string
}

/** A tab is gone. */
export interface ConnectionClose {
  id: string
}

/** A browser asks for stats. */
export interface AuthorizeStats {
  /** A request of that browser, as this app's own handlers get it. */
  event: H3Event
  /** Lets it see them. */
  authorize: () => void
}

/** What `skew:stats` calls back with. */
export interface SkewStats {
  /** Open tabs. */
  total: number
  /** By `buildId`. */
  versions: Record<string, number>
  /** By page; empty with `routeTracking` off. */
  routes: Record<string, number>
  /** One by one, up to a limit. */
  connections: StatsConnection[]
}

/** Hooks of the Nitro app. */
export interface SkewNitroHooks {
  'skew:connection:open': (connection: ConnectionOpen) => void | Promise<void>
  'skew:connection:route-update': (update: ConnectionRouteUpdate) => void | Promise<void>
  'skew:connection:close': (close: ConnectionClose) => void | Promise<void>
  'skew:authorize-stats': (question: AuthorizeStats) => void | Promise<void>
}

/** Hooks of the Nuxt app in the browser. */
export interface SkewAppHooks {
  /** Every message. `stats` are complete each time, however they travelled. */
  'skew:message': (message: Message) => void | Promise<void>
}
