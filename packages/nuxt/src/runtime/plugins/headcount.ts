// This tab's connection, made once the page is mounted, and what it is told of the app. On a server it does nothing.

import type { Headcount, Message } from '@headcount/client'
import { createHeadcountPlugin } from '@headcount/vue'
import { defineNuxtPlugin, useHead, useRouter, useRuntimeConfig } from '#imports'

import { askAnew, type Anew } from '../anew.js'
import { below, type PublicConfig } from '../public.js'
import { holdInTransit } from '../transit.js'

export default defineNuxtPlugin({
  name: 'headcount',
  setup(nuxtApp) {
    const config = useRuntimeConfig()
    const { base: named, path, transport, refresh, deadlineMs, banner, connectionTracking, routeTracking, statsForMessages } = config.public['skewProtection'] as PublicConfig
    // As the server that answers runs it: a build may be given its name when it is started.
    useHead({ meta: [{ name: 'headcount-version', content: config.app.buildId as string }] })
    const base = named || below(config.app, path)
    const router = useRouter()
    const routeNow = (): string => routeTracking ? router.currentRoute.value.path : '/'
    const headcount = createHeadcountPlugin({
      // Of the code that runs here, and not of a cookie: tabs of one browser run different builds.
      version: config.app.buildId as string,
      base, transport, refresh, deadlineMs, banner, route: routeNow(),
    })
    nuxtApp.vueApp.use(headcount)
    const anew = askAnew({ post: (connectionId) => subscribeByPost(base, connectionId) })
    if (import.meta.client) {
      headcount.attach((client) => {
        client.navigated(routeNow())
        // First: after the arrival nothing may be held when the client is told of it.
        const stopHolding = holdInTransit(router, (name, listener) => nuxtApp.hook(name, listener), client.hold)
        const stopRouting = router.afterEach((_to, _from, failure) => {
          if (failure !== undefined) return
          client.navigated(routeNow())
          anew.moved()
        })
        const stops = [stopHolding, stopRouting, ...ask(client, anew), ...tell(client, (message) => { void nuxtApp.callHook('skew:message', message) })]
        return () => { for (const stop of stops) stop() }
      })
      nuxtApp.hook('app:mounted', () => {
        // By now every plugin has hooked what it wants.
        if (!connectionTracking || !statsForMessages || !hears(nuxtApp.hooks, 'skew:message')) return
        anew.wanted()
        headcount.attach((client) => client.subscribe())
      })
    }
    return { provide: { headcount: Object.assign(headcount, { anew }) } }
  },
})

/** Passes on the answers to the requests for stats. */
function ask(client: Headcount, anew: Anew): (() => void)[] {
  return [
    client.on('connected', ({ connectionId }) => { anew.connected(connectionId) }),
    client.on('stats', () => { anew.admitted() }),
    client.on('stats-unauthorized', () => { anew.refused() }),
  ]
}

/** Every message, with stats whole each time, however they travelled. */
function tell(client: Headcount, hear: (message: Message) => void): (() => void)[] {
  return [
    client.on('message', (message) => { if (!message.type.startsWith('stats')) hear(message) }),
    client.on('stats', (stats) => { hear({ ...stats }) }),
    client.on('stats-unauthorized', () => { hear({ type: 'stats-unauthorized' }) }),
  ]
}

async function subscribeByPost(base: string, connectionId: string): Promise<void> {
  const url = new URL(`${base.replace(/\/$/, '')}/subscribe-stats`, location.href)
  const body = JSON.stringify({ connectionId, delta: true })
  await fetch(url, { method: 'POST', credentials: 'include', headers: { 'content-type': 'application/json' }, body })
}

function hears(hooks: unknown, name: string): boolean {
  const { _hooks } = hooks as { _hooks?: Record<string, unknown[] | undefined> }
  return (_hooks?.[name]?.length ?? 0) > 0
}
