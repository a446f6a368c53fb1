// What users of the client give and get.

import type { HeadcountEvents } from './events.js'
import type { BannerTexts } from './question.js'
import type { RefreshMode } from './refresh.js'
import type { Phase } from './session.js'
import type { Stats } from './stats.js'
import type { SubscribeOptions } from './subscription.js'
import type { TransportName } from './transport/link.js'

/** How a client is set up. */
export interface HeadcountOptions {
  /**
   * The build in this bundle, as its release is announced. Without it the server takes the version cookie, which is the
   * browser's and not the tab's, or else the current release.
   */
  readonly version?: string | undefined
  /** Where the server's client endpoints are. Default `/__skew`, on the page's own origin. */
  readonly base?: string | URL | undefined
  /** Default `auto`: see README.md. */
  readonly transport?: TransportName | 'auto' | undefined
  /** The page shown now, for applications whose router reports by {@link Headcount.navigated}. Default: the browser is watched. */
  readonly route?: string | undefined
  /** When a forced refresh happens. Default `now`. Work that would be lost holds it in every mode. */
  readonly refresh?: RefreshMode | undefined
  /** How long a forced refresh may be put off before its user is asked, milliseconds. Default 300,000, five minutes. */
  readonly deadlineMs?: number | undefined
  /** Whether playing audio or video holds a refresh. Default `false`. */
  readonly media?: boolean | undefined
  /** Texts of the banner, or `false` for none: then listen to `prompt`. Default: English. */
  readonly banner?: Partial<BannerTexts> | false | undefined
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
  /** Subscribes to live stats, over reconnects too, until every caller has called its returned function. */
  subscribe(options?: SubscribeOptions): () => void
  /** The tab shows another page: a path. For routers; not needed where the browser is watched. */
  navigated(route: string): void
  /** Holds every refresh until the function it returns is called. */
  hold(reason: string): () => void
  /** Marks the fields of `within`, or of the whole page, as saved. */
  saved(within?: Node): void
  /** Refreshes now, also if work would be lost. */
  refresh(): void
  /** Reconnects, with the current cookies; a refresh under way goes on. After the end it does nothing. */
  reconnect(): void
  /** Ends the subscriptions of this member. When the last member of the page's client ends, the connection and all watching end permanently. */
  close(): void
}
