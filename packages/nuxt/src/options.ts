// What `skewProtection` in `nuxt.config` may say, and what contradicts itself in it.
//
// Everything here ends up in the build. Where headcount is, and its secret, differ between deployments of one build and so
// are runtime configuration, see `runtime/server/upstream.ts`.

import type { HeadcountOptions } from '@headcount/client'

import { configuredProxies } from './runtime/server/forwarding.js'

/** `skewProtection` in `nuxt.config`. */
export interface ModuleOptions {
  /** Whether the module does anything. Default `true`. */
  enabled: boolean
  /** Whether open tabs are counted, and `useActiveConnections()` and the connection hooks work. Default `false`. */
  connectionTracking: boolean
  /** Whether the page of each tab is known. Needs `connectionTracking`. Default `false`: a tab never says its page. */
  routeTracking: boolean
  /** Whether client addresses are read, kept in memory and shown to subscribers of stats. Needs `connectionTracking`. Default `false`. */
  ipTracking: boolean
  /**
   * Addresses and networks of the proxies before this app, such as `10.0.0.0/8`, whose forwarding headers are trusted. At
   * run time `NUXT_HEADCOUNT_TRUSTED_PROXIES`, with commas. Default: none, so an address is that of the socket.
   */
  trustedProxies: string[]
  /**
   * The headers that those proxies set, or take out of what visitors send. Any other is the visitor's own word and is
   * dropped. Some of `cf-connecting-ip`, `x-forwarded-for`, `x-real-ip` (the first of these that is there counts),
   * `x-forwarded-proto` and `x-forwarded-host`. At run time `NUXT_HEADCOUNT_PROXY_HEADERS`. Default `x-forwarded-for` and
   * `x-forwarded-proto`.
   */
  proxyHeaders: string[]
  /** Below which path browsers reach headcount; the app's base URL goes before it. Default `/__skew`. */
  path: string
  /** URL of headcount's client endpoints on another origin, if browsers are to go there themselves. Default: this site's own origin. */
  endpoint: string
  /** How messages travel. Default `auto`: what suits the page's own connection, and the other way where that does not get through. */
  transport: NonNullable<HeadcountOptions['transport']>
  /** When a forced refresh happens. Work that would be lost holds it in every mode. Default `now`. */
  refresh: NonNullable<HeadcountOptions['refresh']>
  /** How long a forced refresh may be put off before its user is asked, milliseconds. Default 300,000. */
  deadlineMs: number
  /** Texts of the banner that asks, or `false` for none. Default: English. */
  banner: NonNullable<HeadcountOptions['banner']>
  /** Of several instances of the app: `each` runs the connection hooks for every tab, or `one` of them does. Default `each`. */
  hooks: 'each' | 'one'
  /** Whether a client plugin that hooks `skew:message` asks for stats by itself, as `useActiveConnections()` does. Default `true`. */
  statsForMessages: boolean
  /**
   * Whether the app announces its build to headcount when it starts. `newer`: if headcount never heard of it, and nothing was announced since
   * it was built. `unknown`: if headcount never heard of it. `false`: never; then `headcount release <buildId>` does. Default `newer`.
   */
  announce: 'newer' | 'unknown' | false
  /**
   * The headcount binary that `nuxt dev` and `nuxt preview` start where none is configured. Default: that of `@headcount/cli`, where the app has
   * that package, else `headcount` on the `PATH`.
   */
  bin: string
}

export const DEFAULTS: ModuleOptions = {
  enabled: true,
  connectionTracking: false,
  routeTracking: false,
  ipTracking: false,
  trustedProxies: [],
  proxyHeaders: ['x-forwarded-for', 'x-forwarded-proto'],
  path: '/__skew',
  endpoint: '',
  transport: 'auto',
  refresh: 'now',
  deadlineMs: 300_000,
  banner: {},
  hooks: 'each',
  statsForMessages: true,
  announce: 'newer',
  bin: '',
}

const CHOICES = {
  transport: ['auto', 'sse', 'websocket'],
  refresh: ['now', 'hidden', 'navigation', 'prompt'],
  hooks: ['each', 'one'],
  announce: ['newer', 'unknown', false],
} as const

/** Every contradiction, as sentences that say what to do. Empty if the options are valid. */
export function problems(options: ModuleOptions): string[] {
  const found = Object.keys(options)
    .filter((key) => !(key in DEFAULTS))
    .map((key) => `\`skewProtection.${key}\` is not an option of this module: remove it`)
  for (const key of ['routeTracking', 'ipTracking'] as const) {
    if (options[key] && !options.connectionTracking) {
      found.push(`\`skewProtection.${key}\` needs \`connectionTracking: true\`: turn that on, or \`${key}\` off`)
    }
  }
  for (const [key, choices] of Object.entries(CHOICES) as [keyof typeof CHOICES, readonly unknown[]][]) {
    if (!choices.includes(options[key])) {
      const allowed = choices.map((choice) => JSON.stringify(choice)).join(', ')
      found.push(`\`skewProtection.${key}\` is ${JSON.stringify(options[key])}: write one of ${allowed}`)
    }
  }
  if (options.refresh === 'navigation' && !options.routeTracking) {
    found.push("`skewProtection.refresh: 'navigation'` needs `routeTracking: true`: without it no navigation is noticed")
  }
  if (!Number.isFinite(options.deadlineMs) || options.deadlineMs < 0) {
    found.push(`\`skewProtection.deadlineMs\` is ${String(options.deadlineMs)}: write milliseconds, 0 or more`)
  }
  if (!/^\/[^/?#*][^?#*]*$/.test(options.path) || options.path.endsWith('/')) {
    found.push(`\`skewProtection.path\` is "${options.path}": write a path such as /__skew, without a slash at its end`)
  }
  try {
    configuredProxies(options)
  } catch (error) {
    found.push(`\`skewProtection.${(error as Error).message}`.replace(' has', '` has'))
  }
  if (options.endpoint !== '' && !/^https?:$/.test(URL.canParse(options.endpoint) ? new URL(options.endpoint).protocol : '')) {
    found.push(`\`skewProtection.endpoint\` is "${options.endpoint}": write a URL such as https://skew.example.com/__skew`)
  }
  return found
}
