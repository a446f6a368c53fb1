// What the package exports.

import { browserEnvironment } from './environment.js'
import type { Headcount, HeadcountOptions } from './face.js'
import { baseOf, startHeadcount } from './headcount.js'
import { join } from './members.js'

/**
 * Connects this tab and keeps it counted. A page has one client: where there is one already, of this or of another bundle, this
 * joins it, and options that differ have no effect. For browsers only; without a reachable server it tries on, and nothing else happens.
 */
export function createHeadcount(given: HeadcountOptions = {}): Headcount {
  const options = { ...given, base: baseOf(given, window) }
  return join(window, options, () => startHeadcount(options, browserEnvironment(window, options.base)))
}

export type { BannerTexts } from './question.js'
export type { Command, HeadcountEvents, Held, Prompt } from './events.js'
export type { Headcount, HeadcountOptions } from './face.js'
export type { Connected, Message, StatsConnection, StatsNodes, VersionMessage } from './messages.js'
export type { RefreshMode } from './refresh.js'
export type { Phase } from './session.js'
export type { Counts, Stats } from './stats.js'
export type { SubscribeOptions } from './subscription.js'
export type { TransportName } from './transport/link.js'
