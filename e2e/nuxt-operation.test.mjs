// What an operator of the example app meets: headcount away, several instances, a rolling deploy, a preview, crawlers.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { delimiter, dirname } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'

import { launchBrowser, newVisitor, Tab } from './browser.mjs'
import { binary, Server } from './harness.mjs'
import { App, APP_SECRET, EXAMPLE } from './nuxt.mjs'
import { until } from './wait.mjs'

const SECRET = 'the-secret-of-these-tests'
const TABS = 400
const REFUSED_WITHIN_MS = 1_000
const LEFT_WITHIN_MS = 500
const PREVIEW_WITHIN_MS = 120_000

let browser, server
/** @type {App[]} */
let apps = []
/** @type {import('node:http').ClientRequest[]} */
let streams = []
before(async () => { browser = await launchBrowser() })
after(() => browser?.close())

beforeEach(async () => { server = await serve() })
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()))
  for (const stream of streams) stream.destroy()
  await Promise.all(apps.map((app) => app.stop()))
  await server?.stop()
  ;[apps, streams] = [[], []]
})

describe('while headcount is away', () => {
  test('pages are served and work, streams are refused at once with a time to return, and later all is well', async () => {
    const { port } = new URL(server.url)
    const app = await start()
    await server.stop()
    server = undefined
    const tab = await Tab.open(await newVisitor(browser), `${app.url}/checkout`)
    await tab.page.getByRole('heading', { name: 'Checkout' }).waitFor()
    await tab.follow('/blog/first')
    assert.deepEqual(tab.errors, [])
    const asked = performance.now()
    const answer = await fetch(`${app.url}/__skew/sse`)
    assert.ok(performance.now() - asked < REFUSED_WITHIN_MS)
    assert.equal(answer.status, 502)
    assert.ok(Number(answer.headers.get('retry-after')) > 0)
    assert.equal((await stats(app)).status, 502)
    server = await serve('--listen', `127.0.0.1:${port}`)
    await until('the tab is counted', () => server.stats(), ({ routes }) => routes['/blog/first'] === 1, 30_000)
    await tab.loaded(1)
  })

  test('an app that knows of none says so once and serves its pages', async () => {
    const app = await start({ HEADCOUNT_URL: '', HEADCOUNT_ADMIN_SECRET: '' })
    const tab = await Tab.open(await newVisitor(browser), `${app.url}/`)
    await tab.page.getByRole('heading', { name: 'Home' }).waitFor()
    assert.deepEqual(tab.errors, [])
    assert.equal((await stats(app)).status, 503)
    assert.equal(app.lines.filter((line) => line.includes('no headcount is configured, so nobody is counted')).length, 1)
  })
})

describe("nuxt-skew-protection's endpoint for stats", () => {
  test('answers who has the secret, with the numbers of now', async () => {
    const app = await start()
    await open(app, 3)
    assert.equal((await fetch(`${app.url}/api/admin/stats`)).status, 401)
    const { total, versions, routes } = await (await stats(app)).json()
    assert.deepEqual({ total, versions, routes }, { total: 3, versions: { 'build-1': 3 }, routes: { '/checkout': 3 } })
  })
})

describe('a browser that leaves', () => {
  test('is out of the counts at once', async (context) => {
    const app = await start()
    for (const turn of [1, 2, 3]) {
      await open(app, 1)
      await total(1)
      const left = performance.now()
      streams.pop().destroy()
      await total(0)
      const took = performance.now() - left
      context.diagnostic(`turn ${turn}: gone from the counts after ${took.toFixed(0)} ms, the asking included`)
      assert.ok(took < LEFT_WITHIN_MS)
    }
  })
})

describe('many tabs', () => {
  test(`one call refreshes ${TABS} of them, each once`, async (context) => {
    const app = await start()
    const told = await open(app, TABS)
    await until('the app knows them all', () => count(app, 'connected'), (known) => known === TABS)
    const asked = performance.now()
    await fetch(`${app.url}/api/admin/invalidate-route`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ route: '/checkout', secret: APP_SECRET }),
    })
    await until('every tab was told', () => told.length, (tabs) => tabs >= TABS)
    context.diagnostic(`${TABS} tabs told in ${(performance.now() - asked).toFixed(0)} ms`)
    assert.equal(new Set(told).size, TABS)
  })
})

describe('several instances', () => {
  for (const [mode, hears] of [['each', 2], ['one', 1]]) {
    test(`with hooks: ${mode}, ${hears} of two hear of a tab, and after a restart nobody is missed`, async () => {
      const both = [await start({ NUXT_HEADCOUNT_HOOKS: mode }), await start({ NUXT_HEADCOUNT_HOOKS: mode })]
      await until('both have their bridge', bridges, (open) => open === 2)
      await open(both[1], 2)
      const heard = () => both.map((app) => count(app, 'connected'))
      await until('the tabs are heard of', heard, (counts) => counts.reduce((sum, known) => sum + known) >= 2 * hears)
      assert.deepEqual(heard(), mode === 'each' ? [2, 2] : [2, 0])
      // The second one holds the tabs' streams; the first goes, and the other knows the tabs already or is told of them.
      await apps.shift().stop()
      await until('the other one knows them', () => count(both[1], 'connected'), (known) => known === 2)
      await open(both[1], 1)
      await until('the other one hears of the next', () => count(both[1], 'connected'), (known) => known === 3)
    })
  }
})

describe('a rolling deploy', () => {
  test('announces each new build once, and nothing that restarts or comes late takes it back', async () => {
    const build = (number, at) => ({ NUXT_APP_BUILD_ID: `build-${number}`, NUXT_HEADCOUNT_BUILT_AT: String(at) })
    const begun = Date.now()
    await start(build(1, begun))
    await current('build-1')
    const second = Date.now()
    await start(build(3, Date.now()))
    await current('build-3')
    // An old instance restarts, and one of a build in between is late.
    const old = await start(build(1, begun))
    const late = await start(build(2, second))
    await until('the late one says why', () => late.output, (output) => output.includes('headcount release build-2'))
    await open(old, 1)
    await until('the old one is up', () => count(old, 'connected'), (known) => known === 1)
    const { current: release, releases } = await releaseLog()
    assert.equal(release, 'build-3')
    assert.deepEqual(releases.map(({ version }) => version), ['build-1', 'build-3'])
    // To go back on purpose, announce the release.
    await start({ ...build(2, second), NUXT_HEADCOUNT_ANNOUNCE: 'unknown' })
    await current('build-2')
  })
})

describe('a separate origin', () => {
  for (const transport of ['websocket', 'sse']) {
    test(`serves tabs and admins over ${transport}, and the app's origin sees no stream`, async () => {
      const { port } = new URL(server.url)
      const app = await start({ NUXT_PUBLIC_SKEW_PROTECTION_BASE: `http://localhost:${port}/__skew`, NUXT_PUBLIC_SKEW_PROTECTION_TRANSPORT: transport })
      await server.stop()
      server = await serve('--listen', `127.0.0.1:${port}`, '--allowed-origin', app.url)
      const tab = await Tab.open(await newVisitor(browser), `${app.url}/login`)
      const passed = []
      tab.page.on('request', (request) => { if (request.url().startsWith(`${app.url}/__skew`)) passed.push(request.url()) })
      await tab.page.getByText('Welcomed at').waitFor()
      await tab.page.locator('button', { hasText: 'Sign in' }).click()
      await tab.page.getByText('Signed in as admin').waitFor()
      await tab.follow('/admin/versions')
      await tab.page.getByText('Active users: 1').waitFor()
      assert.deepEqual([passed, tab.errors], [[], []])
    })
  }
})

describe('an app below a base URL', () => {
  for (const transport of ['websocket', 'sse']) {
    test(`is counted and refreshed over ${transport}`, async () => {
      await server.stop()
      server = await serve('--base-path', '/pro/__skew')
      const app = await start({
        NUXT_APP_BASE_URL: '/pro/',
        NUXT_PUBLIC_SKEW_PROTECTION_TRANSPORT: transport,
      })
      const tab = await Tab.open(await newVisitor(browser), `${app.url}/pro/login`)
      await tab.page.getByText('Welcomed at').waitFor()
      await until('the page below the base', () => server.stats(), ({ routes }) => routes['/login'] === 1)
      await tab.page.locator('button', { hasText: 'Sign in' }).click()
      await tab.page.getByText('Signed in as admin').waitFor()
      await tab.follow('/pro/admin/versions')
      await tab.page.getByText('Active users: 1').waitFor()
      assert.deepEqual(tab.errors, [])
    })
  }
})

describe('crawlers', () => {
  test('are served like anybody and not counted', async () => {
    const app = await start()
    const crawler = await browser.newContext({ userAgent: 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)' })
    const page = await crawler.newPage()
    const refused = page.waitForEvent('websocket').then((socket) => socket.waitForEvent('close'))
    await page.goto(`${app.url}/checkout`)
    await refused
    await open(app, 1)
    await total(1)
    assert.deepEqual((await server.stats()).routes, { '/checkout': 1 })
  })
})

describe('nuxt preview', () => {
  test('starts headcount itself where no server is configured, and ends it', async () => {
    const path = [dirname(await binary()), process.env.PATH].join(delimiter)
    const variables = { PATH: path, PORT: '0', HEADCOUNT_URL: '', START_WITHIN_MS: String(PREVIEW_WITHIN_MS), NUXT_TELEMETRY_DISABLED: '1' }
    const app = await App.run(process.execPath, [`${EXAMPLE}/../../node_modules/nuxt/bin/nuxt.mjs`, 'preview'], variables)
    apps.push(app)
    const at = await until('where it started one', () => /started .* at (http:\/\/\S+)/.exec(app.output)?.[1], Boolean)
    const tab = await Tab.open(await newVisitor(browser), `${app.url}/`)
    await tab.page.getByText('Welcomed at').waitFor()
    await app.kill()
    apps.pop()
    await until('it is gone', () => fetch(`${at}/healthz`).then(() => true, () => false), (answers) => !answers)
  })
})

function serve(...args) {
  return Server.run(['serve', '--ephemeral', '--authorize-bridge', ...args], { HEADCOUNT_ADMIN_SECRET: SECRET })
}

async function start(variables = {}) {
  const app = await App.start({ HEADCOUNT_URL: server.url, HEADCOUNT_ADMIN_SECRET: SECRET, NUXT_APP_BUILD_ID: 'build-1', ...variables })
  apps.push(app)
  return app
}

/**
 * Tabs on /checkout without a browser: streams through the app. What it gives grows by the connection id of each that is told to refresh.
 *
 * @returns {Promise<string[]>}
 */
async function open(app, tabs) {
  /** @type {string[]} */
  const told = []
  for (let tab = 0; tab < tabs; tab += 1) {
    const headers = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36' }
    const stream = request(`http://127.0.0.1:${app.port}/__skew/sse?route=/checkout&v=build-1`, { headers, agent: false }).end()
    streams.push(stream)
    stream.on('error', () => {}) // Ended by the test.
    const [answer] = await once(stream, 'response')
    assert.equal(answer.statusCode, 200)
    let id = ''
    answer.setEncoding('utf8').on('data', (piece) => {
      id ||= /"connectionId":"([^"]+)"/.exec(piece)?.[1]
      if (piece.includes('"force":true')) told.push(id)
    })
    answer.on('error', () => {})
  }
  return told
}

/** How often the app's own plugin said that of a tab. */
function count(app, what) {
  return app.lines.filter((line) => line.startsWith('Client ') && line.includes(` ${what}`)).length
}

function stats(app) {
  return fetch(`${app.url}/api/admin/stats`, { headers: { authorization: `Bearer ${APP_SECRET}` } })
}

function total(expected) {
  return until(`${expected} open`, () => server.stats(), (now) => now.total === expected)
}

async function bridges() {
  const text = await (await fetch(`${server.url}/metrics`)).text()
  return Number(/headcount_bridges (\d+)/.exec(text)?.[1])
}

function current(version) {
  return until(`${version} is current`, releaseLog, (log) => log.current === version)
}

async function releaseLog() {
  const answer = await fetch(`${server.url}/api/admin/releases`, { headers: { authorization: `Bearer ${SECRET}` } })
  return answer.json()
}
