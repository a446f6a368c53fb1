// The example app and the module's playground during a deployment: no work is lost, no tab is left on an error page, and none reloads in vain.

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'

import { Balancer } from './balancer.mjs'
import { launchBrowser, newVisitor, Tab } from './browser.mjs'
import { Server } from './harness.mjs'
import { App, BUILT, PLAYGROUND, withNextBuild } from './nuxt.mjs'
import { until } from './wait.mjs'

const SECRET = 'the-secret-of-these-tests'
/** Looks come at growing intervals. */
const LOOKED_WITHIN_MS = 30_000
const EXAMPLE = { name: 'the example', output: BUILT, page: '/checkout', heading: 'Checkout', field: 'input[name=address]', other: '/blog/first' }
const GUARDED = { name: 'the playground', output: PLAYGROUND, page: '/form', heading: 'Form', field: 'textarea', other: '/guarded' }

let browser, server
/** @type {App[]} */
const apps = []
/** @type {Balancer} */
let balancer
before(async () => { browser = await launchBrowser() })
after(() => browser?.close())

beforeEach(async () => {
  server = await Server.run(['serve', '--ephemeral', '--authorize-bridge'], { HEADCOUNT_ADMIN_SECRET: SECRET })
  balancer = await Balancer.start()
})
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()))
  await balancer?.stop()
  await Promise.all(apps.splice(0).map((app) => app.stop()))
  await server?.stop()
})

for (const [site, transport] of [EXAMPLE, GUARDED].flatMap((site) => [[site, 'websocket'], [site, 'sse']])) {
  describe(`${site.name} over ${transport}`, () => {
    test('the page says its build, and a tab waits while an old instance answers', async () => {
      const tab = await open(site, transport)
      assert.match(await (await fetch(balancer.url + site.page)).text(), /<meta name="headcount-version" content="build-1">/)
      const next = await start(site, 'build-2', transport)
      await until('the build is announced', releases, ({ current }) => current === 'build-2')
      const outcomes = await invalidated({ audience: 'outdated' })
      await until('the tab to wait', outcomes, ({ waiting }) => waiting === 1)
      await balancer.pages(3)
      await tab.loaded(1)
      balancer.app = next
      await until('the new build', () => tab.loads, (loads) => loads === 2, LOOKED_WITHIN_MS)
      await counted('build-2', site.page)
      const { reloaded, stuck } = await outcomes()
      await tab.loaded(2)
      assert.deepEqual([reloaded, stuck], [1, 0])
    })

    for (const status of [502, 503]) {
      test(`while pages are answered with ${status} the tab stays where it is, and goes when they are well`, async () => {
        const tab = await open(site, transport)
        balancer.status = status
        const outcomes = await invalidated({})
        await until('the tab to wait', outcomes, ({ waiting }) => waiting === 1)
        await balancer.pages(2)
        await tab.loaded(1)
        assert.equal(await tab.page.textContent('h1'), site.heading)
        balancer.status = 0
        await until('the page was reloaded', () => tab.loads, (loads) => loads === 2, LOOKED_WITHIN_MS)
        await counted('build-1', site.page)
      })
    }

    test('work holds the refresh, and what Nuxt does where the code of a page is gone neither loses it nor goes round', async () => {
      await withNextBuild(site.output, async (output) => {
        const tab = await open(site, transport)
        await tab.page.locator(site.field).fill('half a sentence')
        balancer.app = await start(site, 'build-2', transport, output)
        await until('the build is announced', releases, ({ current }) => current === 'build-2')
        const outcomes = await invalidated({})
        await until('the tab to hold', outcomes, ({ held }) => held === 1)
        await tab.loaded(1)
        assert.equal(await tab.page.locator(site.field).inputValue(), 'half a sentence')
        // Its user leaves: Nuxt finds the code of the other page gone, and loads that page.
        await tab.page.locator(`a[href="${site.other}"]`).click({ noWaitAfter: true })
        await counted('build-2', site.other)
        await tab.loaded(2)
        await tab.page.locator(`a[href="${site.page}"]`).click()
        await counted('build-2', site.page)
        await tab.loaded(2)
        for (const app of apps.splice(0)) await app.stop()
      })
    })
  })
}

test('a page that is rendered in the browser says the build that runs, so that a tab waits while an old instance answers', async () => {
  const site = { ...GUARDED, page: '/browser' }
  const tab = await open(site, 'websocket')
  const next = await start(site, 'build-2', 'websocket')
  await until('the build is announced', releases, ({ current }) => current === 'build-2')
  const outcomes = await invalidated({ audience: 'outdated' })
  await until('the tab to wait', outcomes, ({ waiting, reloaded, stuck }) => waiting + reloaded + stuck === 1)
  await balancer.pages(2)
  await tab.loaded(1)
  balancer.app = next
  await until('the page was reloaded', outcomes, ({ reloaded }) => reloaded === 1, LOOKED_WITHIN_MS)
  await counted('build-2', site.page)
  await tab.loaded(2)
})

// By itself the router replaces the state of the entry, which makes the browser forget the form: the looks must not post it either.
test('a page that answers a form is got, and not posted again, also while it is not well', async () => {
  const tab = await open(EXAMPLE, 'websocket')
  const [{ id }] = (await server.stats()).connections
  await tab.page.evaluate(() => {
    const form = Object.assign(document.createElement('form'), { method: 'post', action: '/checkout?order=1' })
    document.body.append(form)
    form.submit()
  })
  await until('the answer to be counted', () => server.stats(), ({ connections }) => connections.length === 1 && connections[0].id !== id)
  balancer.status = 503
  const outcomes = await invalidated({})
  await until('the tab to wait', outcomes, ({ waiting }) => waiting === 1)
  await balancer.pages(2)
  await tab.loaded(2)
  assert.equal(balancer.posts, 1)
  balancer.status = 0
  await until('the page was reloaded', outcomes, ({ reloaded }) => reloaded === 1, LOOKED_WITHIN_MS)
  await tab.loaded(3)
  await counted('build-1', '/checkout')
  assert.deepEqual([balancer.posts, tab.page.url()], [1, `${balancer.url}/checkout?order=1`])
})

async function start(site, build, transport, output = site.output) {
  const app = await App.start({
    HEADCOUNT_URL: server.url, HEADCOUNT_ADMIN_SECRET: SECRET, NUXT_APP_BUILD_ID: build, NUXT_HEADCOUNT_BUILT_AT: String(Date.now()),
    NUXT_PUBLIC_SKEW_PROTECTION_TRANSPORT: transport,
  }, output)
  apps.push(app)
  return app
}

/** A tab on a page of the first build, counted. */
async function open(site, transport) {
  balancer.app = await start(site, 'build-1', transport)
  const tab = await Tab.open(await newVisitor(browser), balancer.url + site.page)
  await counted('build-1', site.page)
  return tab
}

/** Every tab of that audience is to refresh. What it gives asks what became of that. */
async function invalidated({ audience = 'all' }) {
  await server.command('invalidations', { match: { prefix: '/' }, audience })
  return async () => (await admin('invalidations')).invalidations[0].outcomes
}

function counted(version, route) {
  return until(`one tab on ${route} of ${version}`, () => server.stats(), ({ total, versions, routes }) =>
    total === 1 && versions[version] === 1 && routes[route] === 1, LOOKED_WITHIN_MS)
}

const releases = () => admin('releases')

async function admin(what) {
  const answer = await fetch(`${server.url}/api/admin/${what}`, { headers: { authorization: `Bearer ${SECRET}` } })
  return answer.json()
}
