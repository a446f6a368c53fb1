// The Nuxt module: puts the parts in `runtime/` into an app, as its options say.
//
// It uses the kit of the app's own Nuxt, `nuxt/kit`. A kit of another version beside that one would be a second copy, with its own
// `unctx`.

import { mkdir, writeFile } from 'node:fs/promises'
import type { Server } from 'node:http'
import { join } from 'node:path'

import {
  addImports, addPlugin, addServerHandler, addServerPlugin, addTypeTemplate, addVitePlugin, createResolver, defineNuxtModule, hasNuxtCompatibility, hasNuxtModule, useLogger,
} from 'nuxt/kit'
import type { Nuxt } from 'nuxt/schema'
import type { Nitro } from 'nitropack/types'

import { unctxOutside } from './externals.js'
import { DEFAULTS, problems, type ModuleOptions } from './options.js'
import { below } from './runtime/public.js'
import { AUTHORIZE_PATH } from './runtime/server/authorize.path.js'
import { configuredProxies } from './runtime/server/forwarding.js'
import { attach } from './runtime/server/gate.js'
import { findBinary, startLocal } from './runtime/server/local.js'
import type { SiteConfig } from './runtime/server/site.js'
import { configuredUpstream, type Upstream } from './runtime/server/upstream.js'

export type { ModuleOptions } from './options.js'
export type * from './runtime/hooks.js'

const PUBLISHED = 'nuxt-skew-protection'

/** Nitro presets whose servers are long-running Node.js processes: Nitro's own, and those of hosts that run one. */
const NODE_PRESETS = [
  'nitro-dev', 'node', 'node-server', 'node-cluster',
  'alwaysdata', 'cleavr', 'digital-ocean', 'flight-control', 'heroku', 'iis-node', 'koyeb', 'platform-sh', 'render-com', 'zerops',
]

/** What `nuxt preview` runs. */
const PREVIEW = 'headcount-preview.mjs'

const logger = useLogger('headcount')

export default defineNuxtModule<ModuleOptions>({
  meta: { name: '@headcount/nuxt', configKey: 'skewProtection', compatibility: { nuxt: '^4.1.0' } },
  defaults: DEFAULTS,
  async setup(options, nuxt) {
    const { resolve } = createResolver(import.meta.url)
    // Before, both ways to import it ended in the bundle, or both outside.
    if (await hasNuxtCompatibility({ nuxt: '>=4.5.0' }, nuxt)) addVitePlugin(unctxOutside(), { client: false })
    if (!options.enabled) return standIn(nuxt, resolve)
    check(options)
    configure(nuxt, options)
    addTypes(resolve('./runtime/hooks'))
    addPlugin(resolve('./runtime/plugins/headcount'))
    addComposables(nuxt, resolve)
    leaveUncached(nuxt, options)
    addServerPlugin(resolve('./runtime/server/plugin'))
    addServerHandler({ route: AUTHORIZE_PATH, handler: resolve('./runtime/server/authorize.handler') })
    addServerHandler({ route: `${options.path}/**`, handler: resolve('./runtime/server/gate.handler') })
    nuxt.hook('nitro:init', (nitro) => {
      if (!NODE_PRESETS.includes(nitro.options.preset)) leaveToTheEdge(nitro, resolve, options)
      else if (!nuxt.options.dev) addPreview(nitro)
    })
    if (nuxt.options.dev && !nuxt.options._prepare) await serveInDevelopment(nuxt, options)
  },
})

/** Pages that use the composables work, but no tab is counted. */
function standIn(nuxt: Nuxt, resolve: (path: string) => string): void {
  addTypes(resolve('./runtime/hooks'))
  addPlugin(resolve('./runtime/plugins/disabled'))
  addComposables(nuxt, resolve)
}

function addComposables(nuxt: Nuxt, resolve: (path: string) => string): void {
  addImports([
    { name: 'useActiveConnections', from: resolve('./runtime/composables/useActiveConnections') },
    { name: 'useHeadcount', from: '@headcount/vue' },
  ])
  nuxt.options.build.transpile.push(resolve('./runtime'), '@headcount/client', '@headcount/vue')
  leaveUnsearched(nuxt)
}

/** Nuxt looks for names to import in code that is transpiled. In code that is shortened, `h` is not Vue's. */
function leaveUnsearched(nuxt: Nuxt): void {
  const transform = nuxt.options.imports.transform ??= {}
  transform.exclude = [...transform.exclude ?? [], /[\\/](?:@headcount|packages)[\\/]client[\\/]dist[\\/]/]
}

/** A site that caches everything does not mean streams. */
function leaveUncached(nuxt: Nuxt, { path }: ModuleOptions): void {
  nuxt.options.routeRules ??= {}
  for (const own of [`${path}/**`, AUTHORIZE_PATH]) {
    nuxt.options.routeRules[own] = { ...nuxt.options.routeRules[own], cache: false }
  }
}

function check(options: ModuleOptions): void {
  const found = problems(options)
  if (hasNuxtModule(PUBLISHED)) {
    found.push(`${PUBLISHED} and @headcount/nuxt both answer below ${options.path}: remove ${PUBLISHED} from \`modules\`; hooks, composable and options stay as they are`)
  }
  if (found.length > 0) throw new Error(`@headcount/nuxt cannot be set up:\n${found.map((problem) => `  ${problem}`).join('\n')}`)
}

function configure(nuxt: Nuxt, options: ModuleOptions): void {
  const { path, connectionTracking, routeTracking, ipTracking, trustedProxies, proxyHeaders, hooks, announce, bin } = options
  const site: SiteConfig = {
    url: '', adminUrl: '', adminPath: '/api/admin', secret: '', bridgeSecret: '', base: '', path, connectionTracking, routeTracking, ipTracking, hooks, announce, bin,
    // Text, so that one variable sets all of them.
    trustedProxies: trustedProxies.join(), proxyHeaders: proxyHeaders.join(),
    builtAt: Date.now(), isLocal: false, ...nuxt.options.runtimeConfig['headcount'] as Partial<SiteConfig> | undefined,
  }
  nuxt.options.runtimeConfig['headcount'] = site as never
  // A tab that looks at a page before it refreshes sees here which build would come.
  nuxt.options.app.head.meta ??= []
  nuxt.options.app.head.meta.push({ name: 'headcount-version', content: nuxt.options.buildId })
  const { transport, refresh, deadlineMs, banner, statsForMessages, endpoint } = options
  nuxt.options.runtimeConfig.public['skewProtection'] = {
    base: endpoint, path, transport, refresh, deadlineMs, banner, connectionTracking, routeTracking, statsForMessages,
  } as never
}

/** The hooks' types, where Nitro's and Nuxt's own are. */
function addTypes(hooks: string): void {
  const getContents = (): string => `import type { SkewAppHooks, SkewNitroHooks } from '${hooks}'
declare module 'nitropack' { interface NitroRuntimeHooks extends SkewNitroHooks {} }
declare module 'nitropack/types' { interface NitroRuntimeHooks extends SkewNitroHooks {} }
declare module '#app' { interface RuntimeNuxtHooks extends SkewAppHooks {} }
export {}
`
  addTypeTemplate({ filename: 'types/headcount.d.ts', getContents }, { nuxt: true, nitro: true })
}

/** A server that is not a long-running Node.js process cannot keep streams open: browsers connect to headcount directly. */
function leaveToTheEdge(nitro: Nitro, resolve: (path: string) => string, { path, endpoint }: ModuleOptions): void {
  const own = resolve('./runtime/server/')
  nitro.options.plugins = nitro.options.plugins.filter((plugin) => !plugin.startsWith(own))
  nitro.options.handlers = nitro.options.handlers.filter(({ handler }) => typeof handler !== 'string' || !handler.startsWith(own))
  const way = endpoint ? `browsers go to ${endpoint}` : `an edge rule must pass ${path}/ on to headcount, or \`skewProtection.endpoint\` name it`
  logger.warn(`preset ${nitro.options.preset} keeps no connections: ${way}. Nitro hooks do not run there; announce releases with \`headcount release\`.`)
}

/** \`nuxt preview\` runs the built server through a file that sets this mark; then a headcount is started if none is configured. */
function addPreview(nitro: Nitro): void {
  const { preview } = nitro.options.commands
  if (!preview?.endsWith('/index.mjs')) return
  nitro.options.commands.preview = preview.replace(/index\.mjs$/, PREVIEW)
  nitro.hooks.hook('compiled', async () => {
    const folder = nitro.options.output.serverDir
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, PREVIEW), "process.env.HEADCOUNT_PREVIEW = '1'\nawait import('./index.mjs')\n")
  })
}

/** In development, the gate stands before Nuxt's own server, and headcount is started where none is configured. */
async function serveInDevelopment(nuxt: Nuxt, options: ModuleOptions): Promise<void> {
  const site = nuxt.options.runtimeConfig['headcount'] as unknown as SiteConfig
  const base = site.base || below(nuxt.options.app, site.path)
  const upstream = configuredUpstream(site, process.env) ?? await startForDevelopment(nuxt, options, site, base)
  const gate = { base, upstream: upstream?.url ?? null, tellsAddress: site.ipTracking, proxies: configuredProxies(site) }
  nuxt.hook('listen', (server) => { attach(server as Server, gate, true) })
}

async function startForDevelopment(nuxt: Nuxt, { bin }: ModuleOptions, site: SiteConfig, base: string): Promise<Upstream | null> {
  let path: string
  try {
    path = findBinary(bin, nuxt.options.rootDir)
  } catch (error) {
    logger.warn(`nobody is counted: ${(error as Error).message}`)
    return null
  }
  try {
    const local = await startLocal(path, { ...site, base })
    nuxt.hook('close', () => { local.stop() })
    logger.info(`started ${path} at ${local.upstream.url.origin}`)
    Object.assign(site, { url: local.upstream.url.origin, secret: local.upstream.secret, isLocal: true })
    return local.upstream
  } catch (error) {
    logger.error(`nobody is counted: ${(error as Error).message}`)
    return null
  }
}
