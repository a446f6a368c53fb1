// The app's hooks, run by what comes over the bridge.
//
// The bridge asks only for events that have a hook: without a connection hook nothing is streamed. A hook that is added
// later reopens it.

import type { EventHandlerRequest, H3Event } from 'h3'
import type { NitroApp } from 'nitropack/types'

import type { Admin } from './admin.js'
import { createAuthorizer, isOwn } from './authorize.js'
import { openBridge } from './bridge.js'
import { changedCookies, readCookies } from './cookies.js'
import { createRoster, type BridgeLine, type Happening } from './roster.js'
import { createSends } from './sends.js'
import { siteConfig, type RuntimeConfig } from './site.js'

/** What the bridge calls them, and what they are here. */
const HOOKS = { open: 'skew:connection:open', route: 'skew:connection:route-update', close: 'skew:connection:close' } as const

/** Sessions that were admitted are remembered, so that one that is replaced can be told from any other cookie. */
const ADMITTED_MAX = 1_000

/** Runs hooks until the function that it returns is called. */
export function runHooks(nitroApp: NitroApp, config: RuntimeConfig, admin: Admin, warn: (text: string) => void): () => void {
  const { connectionTracking, hooks: mode } = siteConfig(config)
  if (!connectionTracking) return () => {}
  const failed = (error: Error): void => { warn(error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message) }
  const roster = createRoster()
  const send = createSends(admin, failed)
  const sessions = watchSessions(nitroApp, admin, failed)
  const decide = createAuthorizer(nitroApp, config.app.baseURL, admin, failed)

  async function authorize(line: BridgeLine): Promise<void> {
    if (await decide(line)) sessions.admitted(line.headers?.['cookie'])
  }

  function tell(happening: Happening): void {
    callHook(nitroApp, happening, send, siteConfig(config)).catch((error: unknown) => {
      failed(new Error(`skew:connection:${happening.type} failed`, { cause: error }))
      nitroApp.captureError(error as Error, { tags: ['headcount', happening.type] })
    })
  }

  let asked: string | null = null
  let close = (): void => {}
  function reopen(): void {
    const wanted = [...wantedHooks(nitroApp), 'authorize']
    if (wanted.join() === asked) return
    asked = wanted.join()
    close()
    close = openBridge({
      admin, hooks: wanted, mode, app: config.app.baseURL, began: () => { roster.begin() },
      line(line) {
        if (line.type === 'authorize') void authorize(line)
        // Another instance hears of them from now on.
        else if (line.standby === true) roster.forget().forEach(tell)
        else roster.read(line).forEach(tell)
      },
      failed: (problem) => { warn(`the connection hooks and live stats wait for headcount: ${problem}`) },
    })
  }

  const stopNoticing = noticeHooks(nitroApp, reopen)
  // After all plugins of this turn have hooked what they want.
  setImmediate(reopen)
  return () => {
    stopNoticing()
    close()
  }
}

type AnyHooks = { callHook(name: string, payload: unknown): Promise<unknown>; hook: (...said: unknown[]) => () => void; _hooks: Record<string, unknown[] | undefined> }

function anyHooks(nitroApp: NitroApp): AnyHooks {
  return nitroApp.hooks as unknown as AnyHooks
}

/** The events that have hooks. The data of a tab must be correct, so each of the three brings the events that it depends on. */
function wantedHooks(nitroApp: NitroApp): string[] {
  const { _hooks } = anyHooks(nitroApp)
  const isHeard = Object.values(HOOKS).some((name) => (_hooks[name]?.length ?? 0) > 0)
  return isHeard ? Object.keys(HOOKS) : []
}

/** Calls `noticed` after each hook that is added from now on. */
function noticeHooks(nitroApp: NitroApp, noticed: () => void): () => void {
  const hooks = anyHooks(nitroApp)
  const original = hooks.hook
  hooks.hook = (...said) => {
    const unhook = original.apply(hooks, said)
    setImmediate(noticed)
    return unhook
  }
  return () => { hooks.hook = original }
}

async function callHook(nitroApp: NitroApp, happening: Happening, send: (id: string, data: unknown) => void, { routeTracking, ipTracking }: { routeTracking: boolean; ipTracking: boolean }): Promise<void> {
  const { id } = happening
  if (happening.type === 'open') {
    const { version, route, ip, replayed } = happening
    await nitroApp.hooks.callHook(HOOKS.open, {
      id, version, replayed, send: (data) => { send(id, data) },
      ...(routeTracking && route !== undefined && { route }), ...(ipTracking && ip !== undefined && { ip }),
    })
  } else if (happening.type === 'close') {
    await nitroApp.hooks.callHook(HOOKS.close, { id })
  } else if (routeTracking) {
    await nitroApp.hooks.callHook(HOOKS.route, { id, route: happening.route })
  }
}

/** Tells headcount of sessions that an answer of this app ends: a user who signs out gets no more stats, also on open streams. */
function watchSessions(nitroApp: NitroApp, admin: Admin, failed: (error: Error) => void) {
  const admitted = new Set<string>()
  nitroApp.hooks.hook('afterResponse', (event: H3Event<EventHandlerRequest>) => {
    const set = event.node.res.getHeader('set-cookie')
    // A request of this module itself has no browser.
    if (set === undefined || isOwn(event.node.req.headers)) return
    const lines = Array.isArray(set) ? set : [String(set)]
    const ended = changedCookies(event.node.req.headers.cookie, lines, Date.now())
      .filter(({ pair, isDeleted }) => isDeleted || admitted.has(pair))
      .map(({ pair }) => pair)
    if (ended.length === 0) return
    for (const pair of ended) admitted.delete(pair)
    admin.post('/bridge/ended', { cookies: ended }).catch(failed)
  })
  return {
    admitted(cookies: string | undefined): void {
      for (const [name, value] of readCookies(cookies)) {
        admitted.add(`${name}=${value}`)
        const [oldest] = admitted
        if (admitted.size > ADMITTED_MAX && oldest !== undefined) admitted.delete(oldest)
      }
    },
  }
}
