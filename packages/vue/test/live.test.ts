// @vitest-environment happy-dom

// Real components, the real client and the real server; only the document is not a browser's.

import { createApp, createSSRApp, defineComponent, effectScope, h, KeepAlive, nextTick, ref, shallowRef, Suspense, type App, type Component } from 'vue'
import { renderToString } from 'vue/server-renderer'
import { afterEach, beforeEach, expect, inject, test, vi } from 'vitest'
import { createHeadcountPlugin, useActiveConnections, useHeadcount, type HeadcountPlugin } from '../src/index.js'

const WITHIN = { timeout: 10_000, interval: 15 }

let plugin: HeadcountPlugin
let apps: App[]
beforeEach(() => {
  visit(`${inject('open')}/shop`)
  // A refresh looks at the page first, which must have a script, and the server here has none.
  const get = globalThis.fetch
  vi.stubGlobal('fetch', (...asked: Parameters<typeof fetch>) => asked[0] === window.location.href ? Promise.resolve(new Response('<script></script>', { headers: { 'content-type': 'text/html' } })) : get(...asked))
  plugin = createHeadcountPlugin({ version: 'v1', transport: 'websocket', banner: false })
  apps = []
})
afterEach(async () => {
  vi.unstubAllGlobals()
  for (const app of apps) app.unmount()
  await vi.waitFor(async () => { expect(await openTabs()).toBe(0) }, WITHIN)
})

test('numbers are live, typed as in nuxt-skew-protection, and this tab is among them', async () => {
  const seen = mount(() => useActiveConnections())
  expect([seen.total.value, seen.authorized.value]).toEqual([0, null])
  await vi.waitFor(() => { expect(seen.total.value).toBe(1) }, WITHIN)
  expect({ ...seen.versions.value }).toEqual({ v1: 1 })
  expect({ ...seen.routes.value }).toEqual({ '/shop': 1 })
  expect(seen.connections.value.map(({ id }) => id)).toEqual([seen.yourId.value])
  expect(seen.authorized.value).toBe(true)
  window.history.pushState(null, '', '/cart')
  await vi.waitFor(() => { expect(seen.routes.value['/cart']).toBe(1) }, WITHIN)
})

test('the first who asks begins the subscription, the last who goes ends it', async () => {
  const sent = sentTexts()
  const [isFirst, isSecond] = [ref(true), ref(false)]
  const Child = defineComponent(() => {
    const { total } = useActiveConnections()
    return () => h('b', total.value)
  })
  mountComponent(() => [isFirst.value ? h(Child) : null, isSecond.value ? h(Child) : null])
  const counts = (): (string | null)[] => [...document.querySelectorAll('b')].map(({ textContent }) => textContent)
  await vi.waitFor(() => { expect(counts()).toEqual(['1']) }, WITHIN)
  isSecond.value = true
  await nextTick()
  await vi.waitFor(() => { expect(counts()).toEqual(['1', '1']) }, WITHIN)
  isFirst.value = false
  await nextTick()
  expect(counts()).toEqual(['1'])
  expect(sent.filter((text) => text.includes('unsubscribe-stats'))).toHaveLength(0)
  isSecond.value = false
  await vi.waitFor(() => { expect(sent.filter((text) => text.includes('unsubscribe-stats'))).toHaveLength(1) }, WITHIN)
  expect(sent.filter((text) => text.includes('"subscribe-stats"'))).toHaveLength(1)
})

test('what a scope outside of components asks for ends with it', async () => {
  mountComponent(() => [])
  const scope = effectScope()
  const { total } = apps[0]!.runWithContext(() => scope.run(() => useActiveConnections()))!
  await vi.waitFor(() => { expect(total.value).toBe(1) }, WITHIN)
  scope.stop()
  const { stats } = apps[0]!.runWithContext(() => useHeadcount())
  expect(stats.value).toBe(null)
})

test('a page from a server is hydrated as it came, and only then comes alive', async () => {
  const Page = defineComponent(() => {
    const { total, authorized } = useActiveConnections()
    const { state } = useHeadcount()
    return () => h('p', `${total.value} ${authorized.value} ${state.value}`)
  })
  const html = await renderToString(createSSRApp(Page).use(createHeadcountPlugin()))
  expect(html).toBe('<p>0 null idle</p>')
  const place = document.createElement('div')
  place.innerHTML = html
  const complaints = vi.spyOn(console, 'error').mockImplementation(() => {})
  const warnings = vi.spyOn(console, 'warn').mockImplementation(() => {})
  const app = createSSRApp(Page).use(plugin)
  apps.push(app)
  app.mount(place)
  await vi.waitFor(() => { expect(place.textContent).toBe('1 true open') }, WITHIN)
  expect([complaints.mock.calls, warnings.mock.calls]).toEqual([[], []])
  vi.restoreAllMocks()
})

test('a start by hand, with other options, and another one after it', async () => {
  plugin = createHeadcountPlugin({ start: 'manual', route: '/board', banner: false, transport: 'websocket' })
  const seen = mount(() => ({ ...useHeadcount(), ...useActiveConnections() }))
  expect([seen.state.value, seen.client.value]).toEqual(['idle', null])
  plugin.start({ version: 'v1' })
  await vi.waitFor(() => { expect({ ...seen.versions.value }).toEqual({ v1: 1 }) }, WITHIN)
  plugin.start({ version: 'v2' })
  await vi.waitFor(() => { expect({ ...seen.versions.value }).toEqual({ v2: 1 }) }, WITHIN)
  plugin.stop()
  expect([seen.state.value, seen.total.value, seen.authorized.value]).toEqual(['idle', 0, null])
})

test('a hold lasts while its condition does, over a new start too, and ends with its component', async () => {
  const [isThere, isDirty] = [ref(true), ref(false)]
  const Editor = defineComponent(() => {
    useHeadcount().hold('draft', isDirty)
    return () => h('i')
  })
  const tab = shallowRef<ReturnType<typeof useHeadcount>>()
  mountComponent(() => isThere.value ? [h(Editor)] : [], () => { tab.value = useHeadcount() })
  await vi.waitFor(() => { expect(tab.value?.state.value).toBe('open') }, WITHIN)
  isDirty.value = true
  plugin.start({})
  await vi.waitFor(() => { expect(tab.value?.state.value).toBe('open') }, WITHIN)
  await command('invalidate-route', { route: '/shop' })
  await vi.waitFor(() => { expect(tab.value?.held.value).toEqual(['draft']) }, WITHIN)
  isThere.value = false
  await nextTick()
  const reload = vi.spyOn(window.location, 'reload').mockImplementation(() => {})
  await vi.waitFor(() => { expect(reload).toHaveBeenCalledTimes(1) }, WITHIN)
  expect(tab.value?.held.value).toEqual([])
  vi.restoreAllMocks()
})

test.each([
  ['a start keeps the client, and the refresh that it holds', undefined],
  ['one with options makes another client, which knows what was typed', { route: '/shop' }],
])('%s', async (_name, options) => {
  const seen = mount(() => useHeadcount())
  await vi.waitFor(() => { expect(seen.state.value).toBe('open') }, WITHIN)
  const field = document.body.appendChild(document.createElement('input'))
  field.value = 'half a sentence'
  // As one that a user causes, which is what holds a refresh.
  field.dispatchEvent(Object.defineProperty(new Event('input', { bubbles: true, composed: true }), 'isTrusted', { value: true }))
  if (!options) {
    await command('invalidate-route', { route: '/shop' })
    await vi.waitFor(() => { expect(seen.held.value).toEqual(['form']) }, WITHIN)
  }
  const client = seen.client.value
  plugin.start(options)
  expect([seen.state.value, seen.client.value === client]).toEqual([options ? 'connecting' : 'waiting', !options])
  await vi.waitFor(() => { expect(seen.state.value).toBe('open') }, WITHIN)
  if (options) await command('invalidate-route', { route: '/shop' })
  await vi.waitFor(() => { expect(seen.held.value).toEqual(['form']) }, WITHIN)
  const reload = vi.spyOn(window.location, 'reload').mockImplementation(() => {})
  seen.saved()
  field.remove()
  await vi.waitFor(() => { expect(reload).toHaveBeenCalledTimes(1) }, WITHIN)
  vi.restoreAllMocks()
})

test('a question to the user is there until it is put off or accepted', async () => {
  const seen = mount(() => useHeadcount())
  const heard: string[] = []
  seen.on('version', ({ version }) => { heard.push(version) })
  await vi.waitFor(() => { expect(seen.state.value).toBe('open') }, WITHIN)
  await command('invalidations', { match: { prefix: '/' }, audience: 'all', mode: 'prompt' })
  await vi.waitFor(() => { expect(seen.prompt.value?.reasons).toEqual([]) }, WITHIN)
  expect(heard).toEqual(['v1'])
  seen.dismiss()
  expect(seen.prompt.value).toBe(null)
  const reload = vi.spyOn(window.location, 'reload').mockImplementation(() => {})
  seen.refresh()
  await vi.waitFor(() => { expect(reload).toHaveBeenCalledTimes(1) }, WITHIN)
  vi.restoreAllMocks()
})

test('what a component holds that is kept alive is held until it leaves the cache', async () => {
  const [isShown, isCached] = [ref(true), ref(true)]
  const Draft = defineComponent({
    name: 'Draft',
    setup() {
      useHeadcount().hold('draft')
      return () => h('i')
    },
  })
  const Other = defineComponent({ name: 'Other', setup: () => () => h('b') })
  const tab = shallowRef<ReturnType<typeof useHeadcount>>()
  mountComponent(() => h(KeepAlive, { include: isCached.value ? ['Draft'] : [] }, () => h(isShown.value ? Draft : Other)), () => { tab.value = useHeadcount() })
  await vi.waitFor(() => { expect(tab.value?.state.value).toBe('open') }, WITHIN)
  isShown.value = false
  await nextTick()
  expect(document.querySelector('i')).toBe(null)
  await command('invalidate-route', { route: '/shop' })
  await vi.waitFor(() => { expect(tab.value?.held.value).toEqual(['draft']) }, WITHIN)
  const reload = vi.spyOn(window.location, 'reload').mockImplementation(() => {})
  isCached.value = false
  await vi.waitFor(() => { expect(reload).toHaveBeenCalledTimes(1) }, WITHIN)
  vi.restoreAllMocks()
})

test('a component that waits under Suspense holds, also after its wait, and nothing is left of one that went before', async () => {
  const isThere = ref(true)
  const waits: (() => void)[] = []
  const Waiting = defineComponent(async () => {
    const { hold } = useHeadcount()
    hold('before')
    await new Promise<void>((resolve) => waits.push(resolve))
    hold('after')
    return () => h('i')
  })
  const tab = shallowRef<ReturnType<typeof useHeadcount>>()
  mountComponent(() => isThere.value ? h(Suspense, () => h(Waiting)) : [], () => { tab.value = useHeadcount() })
  await vi.waitFor(() => { expect(tab.value?.state.value).toBe('open') }, WITHIN)
  await command('invalidate-route', { route: '/shop' })
  await vi.waitFor(() => { expect(tab.value?.held.value).toEqual(['before']) }, WITHIN)
  waits[0]?.()
  await vi.waitFor(() => { expect(document.querySelector('i')).not.toBe(null) }, WITHIN)
  isThere.value = false
  await nextTick()
  const reload = vi.spyOn(window.location, 'reload').mockImplementation(() => {})
  await vi.waitFor(() => { expect(reload).toHaveBeenCalledTimes(1) }, WITHIN)
  vi.restoreAllMocks()
})

test('a hold that comes after its component went under Suspense holds nothing', async () => {
  const isThere = ref(true)
  let go = (): void => {}
  let wentOn = false
  const Waiting = defineComponent(async () => {
    const { hold } = useHeadcount()
    await new Promise<void>((resolve) => { go = resolve })
    hold('too late')
    wentOn = true
    return () => h('i')
  })
  const tab = shallowRef<ReturnType<typeof useHeadcount>>()
  mountComponent(() => isThere.value ? h(Suspense, () => h(Waiting)) : [], () => { tab.value = useHeadcount() })
  await vi.waitFor(() => { expect(tab.value?.state.value).toBe('open') }, WITHIN)
  isThere.value = false
  await nextTick()
  go()
  await vi.waitFor(() => { expect(wentOn).toBe(true) }, WITHIN)
  const reload = vi.spyOn(window.location, 'reload').mockImplementation(() => {})
  await command('invalidate-route', { route: '/shop' })
  await vi.waitFor(() => { expect(reload).toHaveBeenCalledTimes(1) }, WITHIN)
  expect(tab.value?.held.value).toEqual([])
  vi.restoreAllMocks()
})

test('who may not see the numbers is told so', async () => {
  visit(`${inject('shut')}/`)
  const seen = mount(() => useActiveConnections())
  await vi.waitFor(() => { expect(seen.authorized.value).toBe(false) }, WITHIN)
  expect([seen.total.value, seen.connections.value]).toEqual([0, []])
})

/** The result of `setup`, in a component of a new application. */
function mount<Seen>(setup: () => Seen): Seen {
  let seen: Seen | undefined
  mountComponent(() => [], () => { seen = setup() })
  return seen as Seen
}

function mountComponent(render: () => unknown, setup: () => void = () => {}): void {
  const component: Component = defineComponent(() => {
    setup()
    return () => h('div', render() as never)
  })
  const app = createApp(component).use(plugin)
  apps.push(app)
  app.mount(document.body.appendChild(document.createElement('main')))
}

/** What goes out over sockets and by POST from now on. */
function sentTexts(): string[] {
  const sent: string[] = []
  const { send } = WebSocket.prototype
  vi.spyOn(WebSocket.prototype, 'send').mockImplementation(function (this: WebSocket, data) {
    sent.push(String(data))
    send.call(this, data)
  })
  const { fetch } = window
  vi.spyOn(window, 'fetch').mockImplementation((...request) => {
    sent.push(String(request[1]?.body))
    return fetch(...request)
  })
  return sent
}

/** The page is at `url` from now on. */
function visit(url: string): void {
  (window as unknown as { happyDOM: { setURL(url: string): void } }).happyDOM.setURL(url)
}

const authorization = `Bearer ${inject('secret')}`

async function openTabs(): Promise<number> {
  const answer = await fetch('/api/admin/stats', { headers: { authorization } })
  return (await answer.json() as { total: number }).total
}

async function command(endpoint: string, body: object): Promise<void> {
  const answer = await fetch(`/api/admin/${endpoint}`, { method: 'POST', headers: { authorization, 'content-type': 'application/json' }, body: JSON.stringify(body) })
  expect(answer.status).toBe(200)
}
