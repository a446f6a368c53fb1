// @vitest-environment node

import { createSSRApp, defineComponent, effectScope, h } from 'vue'
import { renderToString } from 'vue/server-renderer'
import { expect, test } from 'vitest'
import { createHeadcountPlugin, useActiveConnections, useHeadcount } from '../src/index.js'

const Page = defineComponent(() => {
  const { total, versions, routes, connections, yourId, authorized } = useActiveConnections()
  const { state, route, held, prompt, client, hold } = useHeadcount()
  hold('nothing to hold on a server')
  return () => h('p', JSON.stringify({
    total: total.value, versions: versions.value, routes: routes.value, connections: connections.value,
    yourId: yourId.value ?? 'none', authorized: authorized.value,
    state: state.value, route: route.value, held: held.value, prompt: prompt.value, client: client.value,
  }))
})

test('on a server everything is empty, and no window is touched', async () => {
  expect(typeof window).toBe('undefined')
  const app = createSSRApp(Page).use(createHeadcountPlugin({ version: 'v1' }))
  const html = await renderToString(app)
  expect(JSON.parse(html.replace(/<\/?p>/g, '').replaceAll('&quot;', '"'))).toEqual({
    total: 0, versions: {}, routes: {}, connections: [], yourId: 'none', authorized: null,
    state: 'idle', route: null, held: [], prompt: null, client: null,
  })
})

test('nothing is subscribed on a server, also not in a separate scope', () => {
  const app = createSSRApp(Page).use(createHeadcountPlugin())
  const scope = effectScope()
  const { total } = app.runWithContext(() => scope.run(() => useActiveConnections()))!
  expect(total.value).toBe(0)
  scope.stop()
})

test('counts have no inherited keys', () => {
  const app = createSSRApp(Page).use(createHeadcountPlugin())
  const { versions, routes } = app.runWithContext(() => useActiveConnections())
  expect([Object.getPrototypeOf(versions.value), Object.getPrototypeOf(routes.value)]).toEqual([null, null])
})

test('without the plugin the error says what to do', () => {
  const app = createSSRApp(Page)
  app.config.warnHandler = () => {}
  expect(() => app.runWithContext(() => useHeadcount())).toThrow('app.use(createHeadcountPlugin())')
})
