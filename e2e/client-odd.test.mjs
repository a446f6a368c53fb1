// Pages and browsers that lack something or take something away. The tab is counted all the same, refreshed once, and leaves the counts.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { newVisitor, Tab } from './browser.mjs'
import { RETURN_WITHIN_MS, browser, counted, loaded, looks, moveToHttp2, outcome, seen, server, site, startServer } from './stage.mjs'
import { until } from './wait.mjs'

const TRANSPORTS = ['websocket', 'sse']
/** As many as one browser may have, if not more. */
const MANY = 12

/** A tab that runs `before` first. */
async function open(before = () => {}) {
  const tab = new Tab(await (await newVisitor(browser)).newPage())
  await tab.page.addInitScript(before)
  await tab.page.goto(`${site.url}/a`)
  await counted({ total: 1, routes: { '/a': 1 } }, RETURN_WITHIN_MS)
  return tab
}

/** It moves, is refreshed once, and is gone when it is closed. */
async function lives(tab, route = '/pushed') {
  if (route === '/pushed') await tab.page.locator('button').first().click()
  await counted({ total: 1, routes: { [route]: 1 } })
  const { id } = await server.command('invalidate-route', { route })
  await loaded([[tab, 2]], RETURN_WITHIN_MS)
  await counted({ total: 1, routes: { [route]: 1 } }, RETURN_WITHIN_MS)
  await outcome(id, { reloaded: 1, gone: 0 }, RETURN_WITHIN_MS) // The counts may still be those of the page that was left.
  assert.deepEqual(tab.errors, [])
  await tab.close()
  await counted({ total: 0 })
}

for (const transport of TRANSPORTS) {
  describe(`over ${transport}`, () => {
    const as = (attributes = '') => { site.attributes = `data-transport="${transport}" ${attributes}` }

    test('a page that may not run unload', async () => {
      as()
      site.headers = { 'permissions-policy': 'unload=()' }
      await lives(await open())
    })

    test('a page without a secure context', async () => {
      as()
      await lives(await open(() => {
        delete Crypto.prototype.randomUUID
        delete Crypto.prototype.subtle
        Object.defineProperty(window, 'isSecureContext', { value: false })
      }))
    })

    test('a page that shares its domain', async () => {
      as()
      site.headers = { 'origin-agent-cluster': '?0' }
      site.body = '<iframe srcdoc="<input>"></iframe><script>try { document.domain = document.domain } catch {}</script>'
      await lives(await open())
    })

    test('a page that stops everything: its tab is back, once', async () => {
      as()
      const tab = await open()
      for (let times = 0; times < 3; times += 1) {
        await tab.page.evaluate(() => { window.stop() })
        await counted({ total: 1, routes: { '/a': 1 } }, RETURN_WITHIN_MS)
        await seen(tab, 'that it is open', () => window.headcount.state === 'open')
      }
      await lives(tab)
    })

    test('a page that goes nowhere, as where a link leads to a file that is saved: its tab is here or back, once', async () => {
      as()
      const tab = await open()
      site.instead = (_, response) => response.writeHead(204).end()
      tab.page.evaluate(() => { location.href = '/nothing' }).catch(() => {}) // A driver may wait for a page that does not come.
      await looks(1)
      site.instead = undefined
      await tab.page.evaluate(() => { history.pushState({}, '', '/b') })
      await counted({ total: 1, routes: { '/b': 1 } }, RETURN_WITHIN_MS)
      await lives(tab, '/b')
    })

    test('a page in a sandbox, without storage and of no origin', async () => {
      await server.stop()
      await startServer('--allowed-origin', 'null')
      site.upstream = server.url
      as()
      site.policy = 'sandbox allow-scripts'
      site.headers = { 'access-control-allow-origin': '*' }
      const tab = await open()
      const { id } = await server.command('invalidate-route', { route: '/a' })
      const outcomes = () => server.invalidation(id).then((rule) => rule.outcomes)
      // It is of another origin each time and remembers nothing, so it must not go by itself: it might go for ever.
      await until('its user to be asked', outcomes, ({ prompted }) => prompted === 1, RETURN_WITHIN_MS)
      await tab.loaded(1)
      await tab.page.getByRole('button', { name: 'Reload' }).click()
      await loaded([[tab, 2]], RETURN_WITHIN_MS)
      await counted({ total: 1, routes: { '/a': 1 } }, RETURN_WITHIN_MS)
      assert.deepEqual(tab.errors, [])
    })

    test('many tabs that leave at once', async () => {
      if (transport === 'sse') await moveToHttp2() // Over HTTP/1.1 a browser has six connections for a site.
      as()
      const visitor = await newVisitor(browser)
      await Promise.all(Array.from({ length: MANY }, () => Tab.open(visitor, `${site.url}/a`)))
      await counted({ total: MANY }, RETURN_WITHIN_MS)
      await visitor.close()
      await counted({ total: 0 }, RETURN_WITHIN_MS)
    })
  })
}
