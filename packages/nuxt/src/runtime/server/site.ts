// What this app's runtime configuration says, as the parts of this folder need it.

import { below } from '../public.js'
import { configuredProxies, type ProxyConfig, type Proxies } from './forwarding.js'
import type { Gate } from './gate.js'
import { configuredUpstream, type Upstream, type UpstreamConfig } from './upstream.js'

/** `runtimeConfig.headcount`: what the module wrote at build time, and what the environment sets over it. */
export interface SiteConfig extends UpstreamConfig, ProxyConfig {
  /** Where browsers reach headcount on this site. Empty in the build: below the app's base URL, which `NUXT_APP_BASE_URL` may set at the start. */
  readonly base: string
  /** What comes after the app's base URL. */
  readonly path: string
  readonly connectionTracking: boolean
  readonly routeTracking: boolean
  readonly ipTracking: boolean
  readonly hooks: 'each' | 'one'
  readonly announce: 'newer' | 'unknown' | false
  readonly builtAt: number
  readonly bin: string
  /** Whether the module started headcount for development. */
  readonly isLocal: boolean
}

/** What is read of the runtime configuration. */
export interface RuntimeConfig {
  readonly app: { readonly baseURL: string; readonly buildId?: string }
  readonly headcount?: unknown
}

let found: Upstream | null | undefined
let proxies: Proxies | undefined

/** This app's part of the runtime configuration. */
export function siteConfig({ app, headcount }: RuntimeConfig): SiteConfig {
  const site = headcount as SiteConfig
  return site.base ? site : { ...site, base: below(app, site.path) }
}

/** The headcount of this process. */
export function upstreamOf(config: RuntimeConfig): Upstream | null {
  return found ??= configuredUpstream(siteConfig(config), process.env)
}

/** Another headcount from now on: one that was just started. */
export function setUpstream(upstream: Upstream): void {
  found = upstream
}

/** The way of browsers to it. */
export function gateOf(config: RuntimeConfig): Gate {
  const { base, ipTracking } = siteConfig(config)
  return { base, tellsAddress: ipTracking, proxies: believed(config), get upstream() { return reachable(config)?.url ?? null } }
}

/** The proxies before this app. Throws what is wrong with what is said of them. */
export function proxiesOf(config: RuntimeConfig): Proxies {
  return proxies ??= configuredProxies(siteConfig(config))
}

/** Where the configuration is wrong no proxy is believed. */
function believed(config: RuntimeConfig): Proxies | undefined {
  try {
    return proxiesOf(config)
  } catch {
    return undefined
  }
}

/** The bridge has reported what is wrong with the configuration; browsers get the answer of an unreachable server. */
function reachable(config: RuntimeConfig): Upstream | null {
  try {
    return upstreamOf(config)
  } catch {
    return null
  }
}
