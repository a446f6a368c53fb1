// What the package exports.

import { browserEnvironment } from './environment.js'
import { startHeadcount, type Headcount, type HeadcountOptions } from './headcount.js'

/** Connects this tab and keeps it counted. For browsers only; without a reachable server it tries on, and nothing else happens. */
export function createHeadcount(options: HeadcountOptions = {}): Headcount {
  return startHeadcount(options, browserEnvironment(window))
}

export type { BannerTexts } from './question.js'
export type { Command, HeadcountEvents, Held, Prompt } from './events.js'
export type { Headcount, HeadcountOptions } from './headcount.js'
export type { Connected, Message, VersionMessage } from './messages.js'
export type { RefreshMode } from './refresh.js'
export type { Phase } from './session.js'
export type { Counts, Stats, StatsConnection } from './stats.js'
export type { SubscribeOptions } from './subscription.js'
export type { TransportName } from './transport/link.js'
