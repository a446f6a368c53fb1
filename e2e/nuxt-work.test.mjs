// The built example app: a refresh does not lose its visitors' work, and one page is one tab, also with two clients.

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'

import { Balancer } from './balancer.mjs'
import { launchBrowser, newVisitor, Tab } from './browser.mjs'
import { Server } from './harness.mjs'
import { App } from './nuxt.mjs'
import { until } from './wait.mjs'

const SECRET = 'the-secret-of-these-tests'
const WITHIN_MS = 30_000

let browser
/** @type {Server[]} */
const servers = []
/** @type {App[]} */
const apps = []
/** @type {Balancer} */
let balancer
before(async () => { browser = await launchBrowser() })
after(() => browser?.close())

beforeEach(async () => {
  await serve()
  balancer = await Balancer.start()
})
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()))
  await balancer?.stop()
  await Promise.all(apps.splice(0).map((app) => app.stop()))
  await Promise.all(servers.splice(0).map((server) => server.stop()))
})

for (const transport of ['websocket', 'sse']) {
  describe(`work in the example, over ${transport}`, () => {
    test('is held over the steps of a form, and what is sent refreshes by itself', async () => {
      const tab = await open(transport)
      await secondStep(tab)
      const outcomes = await invalidated()
      await until('the tab to hold', outcomes, ({ held }) => held === 1, WITHIN_MS)
      await tab.page.fill('[name=note]', 'Ring twice')
      await tab.loaded(1)
      await tab.page.getByRole('button', { name: 'Order' }).click()
      await until('the refresh', outcomes, ({ reloaded }) => reloaded === 1, WITHIN_MS)
      await tab.loaded(2)
      assert.deepEqual(tab.errors, [])
    })

    test('is not ended by a request that failed', async () => {
      const tab = await open(transport)
      await secondStep(tab)
      await tab.page.route('**/api/orders', (route) => route.fulfill({ status: 500 }), { times: 1 })
      const outcomes = await invalidated()
      await until('the tab to hold', outcomes, ({ held }) => held === 1, WITHIN_MS)
      const failed = tab.page.waitForResponse('**/api/orders')
      await tab.page.getByRole('button', { name: 'Order' }).click()
      await failed
      await counted({ routes: { '/checkout': 1 } })
      await tab.loaded(1)
      await tab.page.getByRole('button', { name: 'Order' }).click()
      await until('the refresh', outcomes, ({ reloaded }) => reloaded === 1, WITHIN_MS)
      await tab.loaded(2)
    })

    test('is left with its page in vue-router', async () => {
      const tab = await open(transport)
      await secondStep(tab)
      const outcomes = await invalidated()
      await until('the tab to hold', outcomes, ({ held }) => held === 1, WITHIN_MS)
      await tab.page.locator('a[href="/blog/first"]').click({ noWaitAfter: true })
      await until('the refresh', outcomes, ({ reloaded }) => reloaded === 1, WITHIN_MS)
      await counted({ total: 1, routes: { '/blog/first': 1 } })
      await tab.loaded(2)
    })

    test('is a dialog that is open, teleported out of its page', async () => {
      const tab = await open(transport)
      await tab.page.getByRole('button', { name: 'Gift card' }).click()
      const outcomes = await invalidated()
      await until('the tab to hold', outcomes, ({ held }) => held === 1, WITHIN_MS)
      await tab.loaded(1)
      await tab.page.getByRole('button', { name: 'Close' }).click()
      await until('the refresh', outcomes, ({ reloaded }) => reloaded === 1, WITHIN_MS)
      await tab.loaded(2)
    })

    test('that its user puts off is asked about later, and refreshes once it is sent', async () => {
      const tab = await open(transport, { NUXT_PUBLIC_SKEW_PROTECTION_DEADLINE_MS: '1500' })
      await secondStep(tab)
      const outcomes = await invalidated()
      const later = tab.page.getByRole('button', { name: 'Later' })
      await later.click()
      assert.equal(await later.count(), 0)
      await later.click({ timeout: WITHIN_MS })
      await tab.loaded(1)
      await tab.page.getByRole('button', { name: 'Order' }).click()
      await until('the refresh', outcomes, ({ reloaded }) => reloaded === 1, WITHIN_MS)
      await tab.loaded(2)
    })
  })

  describe(`one page, one tab in the example, over ${transport}`, () => {
    test('beside the script tag and another copy of the package', async () => {
      const tab = await open(transport)
      await tab.page.evaluate(async (transport) => {
        const script = Object.assign(document.createElement('script'), { type: 'module', src: '/__skew/client.js' })
        Object.assign(script.dataset, { version: 'build-1', transport })
        const isLoaded = new Promise((resolve, reject) => Object.assign(script, { onload: resolve, onerror: reject }))
        document.body.append(script)
        await isLoaded
        const { createHeadcount } = await import(`/dist/${'index.js'}?copy=2`)
        createHeadcount({ version: 'build-1', transport })
      }, transport)
      await tab.follow('/blog/first')
      await counted({ total: 1, routes: { '/blog/first': 1 } })
      const outcomes = await invalidated()
      await until('the refresh', outcomes, ({ reloaded }) => reloaded === 1, WITHIN_MS)
      const { gone, stuck } = await outcomes()
      await tab.loaded(2)
      assert.deepEqual([gone, stuck, tab.errors], [0, 0, []])
    })

    test('after a restart without a disk, the first command is not taken for one of before', async () => {
      const tab = await open(transport)
      await until('the first refresh', await invalidated(), ({ reloaded }) => reloaded === 1, WITHIN_MS)
      const { port } = new URL(servers[0].url)
      await servers.pop().stop()
      await serve('--listen', `127.0.0.1:${port}`)
      await counted({ total: 1, routes: { '/checkout': 1 } })
      await until('the second refresh', await invalidated(), ({ reloaded }) => reloaded === 1, WITHIN_MS)
      await tab.loaded(3)
    })

    test('of two applications on one origin with one build, each refreshes for its own', async () => {
      await serve('--base-path', '/pro/__skew')
      const tab = await open(transport)
      balancer.pro = await start(transport, { NUXT_APP_BASE_URL: '/pro/' }, servers[1])
      await until('the first refresh', await invalidated(), ({ reloaded }) => reloaded === 1, WITHIN_MS)
      await tab.page.goto(`${balancer.url}/pro/checkout`)
      await counted({ total: 1, routes: { '/checkout': 1 } }, servers[1])
      await counted({ total: 0 })
      const { loads } = tab
      await until('the refresh of the other', await invalidated(servers[1]), ({ reloaded }) => reloaded === 1, WITHIN_MS)
      await tab.loaded(loads + 1)
      await counted({ total: 1 }, servers[1])
    })

    test('and two tabs that came to have one id are two', async () => {
      const tab = await open(transport)
      // A page without the client leaves the id where a copy of the tab finds it.
      await tab.page.goto(`${balancer.url}/dist/index.js`)
      await counted({ total: 0 })
      const [copy] = await Promise.all([tab.page.waitForEvent('popup'), tab.page.evaluate(() => { window.open('/dist/index.js') })])
      await copy.waitForURL('**/dist/index.js')
      await copy.goto(`${balancer.url}/blog/first`)
      await counted({ routes: { '/blog/first': 1 } })
      await tab.page.goBack()
      await counted({ total: 2, routes: { '/checkout': 1, '/blog/first': 1 } })
    })
  })
}

/** A headcount that keeps nothing on disk. */
async function serve(...options) {
  servers.push(await Server.run(['serve', '--ephemeral', '--authorize-bridge', '--limit', 'reconnect_spread_ms=500', ...options], { HEADCOUNT_ADMIN_SECRET: SECRET }))
}

async function start(transport, variables = {}, server = servers[0]) {
  const app = await App.start({
    HEADCOUNT_URL: server.url, HEADCOUNT_ADMIN_SECRET: SECRET, NUXT_APP_BUILD_ID: 'build-1', NUXT_PUBLIC_SKEW_PROTECTION_TRANSPORT: transport, ...variables,
  })
  apps.push(app)
  return app
}

/** A tab on the example's form, counted. */
async function open(transport, variables) {
  balancer.app = await start(transport, variables)
  const tab = await Tab.open(await newVisitor(browser), `${balancer.url}/checkout`)
  await counted({ total: 1, versions: { 'build-1': 1 }, routes: { '/checkout': 1 } })
  return tab
}

/** The fields of the first step are filled, and gone. */
async function secondStep(tab) {
  await tab.page.fill('[name=address]', '12 Long Street')
  await tab.page.getByRole('button', { name: 'Continue' }).click()
  await tab.page.locator('[name=note]').waitFor()
}

/** Every tab is to refresh. What it gives is asked what became of that. */
async function invalidated(server = servers[0]) {
  await server.command('invalidations', { match: { prefix: '/' }, audience: 'all' })
  return async () => {
    const answer = await fetch(`${server.url}/api/admin/invalidations`, { headers: { authorization: `Bearer ${SECRET}` } })
    return (await answer.json()).invalidations[0].outcomes
  }
}

function counted(expected, server = servers[0]) {
  return until(`stats with ${JSON.stringify(expected)}`, () => server.stats(), (stats) =>
    Object.entries(expected).every(([name, value]) => JSON.stringify(sorted(stats[name])) === JSON.stringify(sorted(value))), WITHIN_MS)
}

const sorted = (value) => typeof value === 'object' ? Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)) : value
