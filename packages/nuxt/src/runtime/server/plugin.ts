// Nitro's side: the gate for browsers, the release, the bridge with its hooks, and `skew:stats`.
//
// Nothing here stops the site: where headcount is missing or away, pages are served as ever, and what is wrong is said once.

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { Server } from 'node:http'
import { Server as SecureServer } from 'node:https'

import { createError } from 'h3'
import type { NitroApp } from 'nitropack/types'
import { defineNitroPlugin, useRuntimeConfig } from 'nitropack/runtime'

import { createAdmin, type Admin } from './admin.js'
import { attach, shut } from './gate.js'
import { runHooks } from './listen.js'
import { findBinary, startLocal } from './local.js'
import { nameBuild } from './named.js'
import { announce } from './release.js'
import { gateOf, proxiesOf, setUpstream, siteConfig, upstreamOf, type RuntimeConfig } from './site.js'

/** Told by Node.js when a server begins to listen, with the server. */
const LISTENING = 'tracing:net.server.listen:asyncStart'

export default defineNitroPlugin((nitroApp) => {
  // Pages are prerendered for a build that is not served yet.
  if (import.meta.prerender) return
  const config = useRuntimeConfig() as RuntimeConfig
  const stops: (() => void)[] = []
  // The dev server is another process; the module puts the gate before it.
  if (!import.meta.dev) placeGate(config)
  nitroApp.hooks.hook('render:html' as never, (({ head }: { head: string[] }) => {
    head.forEach((part, index) => { head[index] = nameBuild(part, config.app.buildId ?? '') })
  }) as never)
  let admin: Admin | null = null
  nitroApp.hooks.hook('skew:stats' as never, ((tell: (stats: unknown) => void) => { tell(stats(admin)) }) as never)
  nitroApp.hooks.hook('close', () => {
    for (const stop of stops) stop()
    shut()
  })
  void connect(config, stops).then((connected) => {
    if (!connected) return
    admin = createAdmin(connected)
    const { announce: rule, builtAt, isLocal } = siteConfig(config)
    const buildId = config.app.buildId ?? ''
    // A development build is not a release for a headcount that others use.
    const isRelease = buildId !== '' && (!import.meta.dev || isLocal)
    if (rule !== false && isRelease) stops.push(announce(admin, { id: buildId, builtAt }, rule, warn))
    stops.push(runHooks(nitroApp as NitroApp, config, admin, warn))
  }).catch((error: unknown) => { warn(String(error)) })
})

function warn(text: string): void {
  console.warn(`[headcount] ${text}`)
}

/** The configured headcount; in `nuxt preview` a local one, if none is configured. */
async function connect(config: RuntimeConfig, stops: (() => void)[]) {
  const upstream = upstreamOf(config)
  if (upstream !== null) return upstream
  if (process.env['HEADCOUNT_PREVIEW'] === undefined) {
    warn('no headcount is configured, so nobody is counted: set HEADCOUNT_URL and HEADCOUNT_ADMIN_SECRET')
    return null
  }
  const site = siteConfig(config)
  const path = findForPreview(site.bin)
  if (path === null) return null
  const local = await startLocal(path, site)
  console.log(`[headcount] started ${path} at ${local.upstream.url.origin}`)
  setUpstream(local.upstream)
  stops.push(local.stop)
  return local.upstream
}

function findForPreview(named: string): string | null {
  try {
    return findBinary(named, process.cwd())
  } catch (error) {
    warn(`nobody is counted: ${(error as Error).message}`)
    return null
  }
}

/** Puts the gate for WebSockets before the server that this app is about to listen with. */
function placeGate(config: RuntimeConfig): void {
  const gate = gateOf(config)
  try {
    proxiesOf(config)
  } catch (error) {
    warn(`no proxy is trusted: ${(error as Error).message}`)
  }
  const listening = (said: unknown): void => {
    const { server } = said as { server?: unknown }
    if (!(server instanceof Server || server instanceof SecureServer)) return
    unsubscribe(LISTENING, listening)
    attach(server, gate, false)
  }
  subscribe(LISTENING, listening)
  // Streams would delay the end of the process until it is forced. Only if something handles that end.
  setImmediate(() => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      if (process.listenerCount(signal) > 0) process.once(signal, shut)
    }
  })
}

/** The current counts. A promise, so that code that passes it on, as the example of nuxt-skew-protection does, fails if headcount does not answer. */
async function stats(admin: Admin | null): Promise<unknown> {
  if (admin === null) throw createError({ statusCode: 503, statusMessage: 'No headcount', message: 'no headcount is configured' })
  return admin.get('/stats').catch((cause: Error) => {
    throw createError({ statusCode: 502, statusMessage: 'headcount does not answer', message: cause.message, cause })
  })
}
