// The module's playground: refreshes beside what Nuxt does by itself when a deployment took a page's code away, and crawlers beside
// @nuxtjs/robots.

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'

import { launchBrowser, newVisitor, Tab } from './browser.mjs'
import { Server } from './harness.mjs'
import { App, PLAYGROUND, withNextBuild } from './nuxt.mjs'
import { inTime, until } from './wait.mjs'

const SECRET = 'the-secret-of-these-tests'
const CRAWLER = 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)'

let browser, server, app
before(async () => { browser = await launchBrowser() })
after(() => browser?.close())

beforeEach(async () => {
  server = await Server.run(['serve', '--ephemeral', '--authorize-bridge'], { HEADCOUNT_ADMIN_SECRET: SECRET })
})
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()))
  await app?.stop()
  await server?.stop()
})

for (const transport of ['websocket', 'sse']) {
  describe(`a page whose code is gone, over ${transport}`, () => {
    test('is loaded by Nuxt, once, and counted where it is', async () => {
      const tab = await open({ transport })
      await deployed(async () => {
        await click(tab, '/form')
        await counted('build-2', '/form')
        await tab.loaded(2)
        // And it is as any other: the next click does not reload it.
        await tab.follow('/')
        await counted('build-2', '/')
        await tab.loaded(2)
      })
    })

    test('is reached although a refresh falls due on the way, which then has nothing left to do', async () => {
      const tab = await open({ transport })
      await deployed(async () => {
        const letThrough = await meeting(tab, /_nuxt\/.*\.js$/, '/form')
        const outcomes = await invalidated({ held: 1 })
        letThrough()
        await counted('build-2', '/form')
        await tab.loaded(2)
        assert.equal((await outcomes()).told, 1)
      })
    })
  })

  describe(`a refresh that is due on the way to another page, over ${transport}`, () => {
    test('waits for the page, and refreshes that one', async () => {
      const tab = await open({ transport })
      const letThrough = await meeting(tab, /_nuxt\/.*\.js$/, '/form')
      const outcomes = await invalidated({ held: 1 })
      letThrough()
      await until('the page came back', outcomes, ({ reloaded }) => reloaded === 1)
      await counted('build-1', '/form')
      await tab.loaded(2)
      assert.deepEqual(tab.errors, [])
    })

    test('waits for a guard that takes its time', async () => {
      const tab = await open({ transport })
      const letThrough = await meeting(tab, /\/api\/allowed$/, '/guarded')
      const outcomes = await invalidated({ held: 1 })
      letThrough()
      await until('the page came back', outcomes, ({ reloaded }) => reloaded === 1)
      await counted('build-1', '/guarded')
      await tab.loaded(2)
      assert.deepEqual(tab.errors, [])
    })
  })
}

describe('a refresh on the next navigation', () => {
  test('and the one that Nuxt wants since it saw another build are one page load', async () => {
    const tab = await open({ refresh: 'navigation' })
    const outcomes = await invalidated({ told: 1 })
    await tab.page.evaluate(() => globalThis.useNuxtApp().hooks.callHook('app:manifest:update', {}))
    await click(tab, '/form')
    await until('the page was reloaded', () => tab.loads, (loads) => loads === 2)
    await counted('build-1', '/form')
    assert.equal((await outcomes()).told, 1)
    await tab.follow('/')
    await counted('build-1', '/')
    await tab.loaded(2)
    assert.deepEqual(tab.errors, [])
  })
})

describe('beside @nuxtjs/robots', () => {
  test('crawlers are served and not counted, and people are', async () => {
    const tab = await open()
    assert.match(await (await fetch(`${app.url}/robots.txt`)).text(), /User-agent: \*/i)
    const crawler = await (await browser.newContext({ userAgent: CRAWLER })).newPage()
    const refused = crawler.waitForEvent('websocket').then((socket) => socket.waitForEvent('close'))
    await crawler.goto(`${app.url}/form`)
    await crawler.getByRole('heading', { name: 'Form' }).waitFor()
    await refused
    await tab.page.getByText('Open tabs').waitFor()
    assert.deepEqual((await server.stats()).routes, { '/': 1 })
    assert.deepEqual(tab.errors, [])
  })
})

function start(build, options = {}, output = PLAYGROUND, port = '0') {
  const { transport = 'auto', refresh = 'now' } = options
  return App.start({
    HEADCOUNT_URL: server.url, HEADCOUNT_ADMIN_SECRET: SECRET, NUXT_APP_BUILD_ID: build, PORT: port, NUXT_HEADCOUNT_BUILT_AT: String(Date.now()),
    NUXT_PUBLIC_SKEW_PROTECTION_TRANSPORT: transport, NUXT_PUBLIC_SKEW_PROTECTION_REFRESH: refresh,
  }, output)
}

/** A tab on the start page of the first build, counted. */
async function open(options) {
  app = await start('build-1', options)
  const tab = await Tab.open(await newVisitor(browser), `${app.url}/`)
  await counted('build-1', '/')
  return tab
}

/** Runs `then` once another build is served where the first was. */
async function deployed(then) {
  await withNextBuild(PLAYGROUND, async (output) => {
    const { port } = app
    await app.stop()
    app = await start('build-2', {}, output, port)
    await until('the build is announced', releases, ({ current }) => current === 'build-2')
    await counted('build-1', '/')
    await then()
    await app.stop()
    app = undefined
  })
}

/** Clicks, and waits for nothing: the pages here are reloaded during a click. */
function click(tab, path) {
  return tab.page.locator(`a[href="${path}"]`).click({ noWaitAfter: true })
}

/** Clicks, and waits until what the click asks the server for is under way. What it gives lets that through. */
async function meeting(tab, asked, path) {
  const [way, met] = [deferred(), deferred()]
  await tab.page.route(asked, async (route) => {
    met.resolve()
    await way.promise
    await route.continue()
  }, { times: 1 })
  await click(tab, path)
  await inTime('the click to ask the server', met.promise)
  return way.resolve
}

function deferred() {
  let resolve
  const promise = new Promise((fulfil) => { resolve = fulfil })
  return { promise, resolve }
}

/** Every tab is to refresh. What it gives asks what became of that; `first` is true by now. */
async function invalidated(first) {
  const answer = await fetch(`${server.url}/api/admin/invalidations`, {
    method: 'POST', headers: { authorization: `Bearer ${SECRET}`, 'content-type': 'application/json' },
    body: JSON.stringify({ match: { prefix: '/' }, audience: 'all' }),
  })
  assert.equal(answer.ok, true, await answer.clone().text())
  const outcomes = async () => (await admin('invalidations')).invalidations[0].outcomes
  await until('the tab heard of it', outcomes, (now) => Object.entries(first).every(([name, count]) => now[name] === count))
  return outcomes
}

function counted(version, route) {
  return until(`one tab on ${route} of ${version}`, () => server.stats(), ({ total, versions, routes }) =>
    total === 1 && versions[version] === 1 && routes[route] === 1)
}

function releases() {
  return admin('releases')
}

async function admin(what) {
  const answer = await fetch(`${server.url}/api/admin/${what}`, { headers: { authorization: `Bearer ${SECRET}` } })
  return answer.json()
}
