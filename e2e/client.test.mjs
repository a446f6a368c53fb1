// The browser client by its script tag, in a real browser, against the real server, through a site of its own.
//
// That a tab did *not* reload is shown as in demo.test.mjs: a later command arrived, so an earlier one would have.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { access, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'

import { launchBrowser, newVisitor, Tab } from './browser.mjs'
import { Server } from './harness.mjs'
import { Site } from './site.mjs'
import { inTime, until } from './wait.mjs'

const SECRET = 'the-secret-of-these-tests'
// A return after a restart waits for a random part of up to a few seconds.
const RETURN_WITHIN_MS = 20_000

let browser, folder, server, site
before(async () => {
  await access(new URL('../packages/client/dist/client.js', import.meta.url)).catch(() => {
    throw new Error('the client is not built: npm run build in packages/client')
  })
  browser = await launchBrowser()
})
after(() => browser?.close())

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headcount-e2e-'))
  server = await serve()
  await announce('v1', 'v2')
  site = await Site.start(server.url)
})
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()))
  await site?.stop()
  await server?.stop()
  await rm(folder, { recursive: true })
})

describe('counts', () => {
  test('an old tab and a new tab of one browser are each counted under their own build', async () => {
    const visitor = await newVisitor(browser)
    site.version = 'v1'
    await Tab.open(visitor, `${site.url}/a`)
    site.version = 'v2'
    await Tab.open(visitor, `${site.url}/b`)
    await counted({ versions: { v1: 1, v2: 1 }, routes: { '/a': 1, '/b': 1 } })
  })

  test('navigations by link, pushState and back are noticed, and only the path is sent', async () => {
    const tab = await Tab.open(await newVisitor(browser), `${site.url}/?secret=1#here`)
    await counted({ routes: { '/': 1 } })
    await tab.page.locator('button').click()
    await counted({ routes: { '/pushed': 1 } })
    await tab.page.goBack()
    await counted({ routes: { '/': 1 } })
    assert.equal(tab.loads, 1)
    await tab.follow('/b')
    await counted({ routes: { '/b': 1 } })
    assert.deepEqual(tab.errors, [])
  })

  test('eight tabs of one browser over HTTP/1.1 are all counted, and the site still answers', async () => {
    const visitor = await newVisitor(browser)
    const tabs = []
    for (let tab = 0; tab < 8; tab += 1) tabs.push(await Tab.open(visitor, `${site.url}/a`))
    await counted({ versions: { v2: 8 }, routes: { '/a': 8 } })
    for (const { page } of tabs) await page.evaluate(() => history.pushState(null, '', '/b'))
    await counted({ routes: { '/b': 8 } })
    await server.command('invalidate-route', { route: '/b' })
    await loaded(tabs.map((tab) => [tab, 2]))
    await counted({ versions: { v2: 8 }, routes: { '/b': 8 } })
  })

  test('a reload and a window with copied storage count once each', async () => {
    const tab = await Tab.open(await newVisitor(browser), `${site.url}/a`)
    await counted({ routes: { '/a': 1 } })
    await tab.page.reload()
    await counted({ routes: { '/a': 1 } })
    await tab.page.evaluate(() => { window.open('/b') })
    await counted({ routes: { '/a': 1, '/b': 1 } })
    await tab.page.reload()
    await counted({ routes: { '/a': 1, '/b': 1 } })
  })

  for (const transport of ['websocket', 'sse']) {
    test(`live stats come to whoever subscribes, over ${transport}: one whole, then what changed, each shown complete`, async () => {
      site.attributes = `data-transport="${transport}"`
      const tab = await Tab.open(await newVisitor(browser), `${site.url}/a`)
      await tab.page.evaluate(() => {
        window.messages = []
        window.headcount.on('message', ({ type }) => { if (type.startsWith('stats')) window.messages.push(type) })
        window.stop = window.headcount.subscribe()
      })
      await seen(tab, 'itself', () => window.headcount.stats?.routes['/a'] === 1)
      const other = await Tab.open(await newVisitor(browser), `${site.url}/b`)
      await seen(tab, 'the other tab', () => window.headcount.stats?.routes['/b'] === 1 && window.headcount.stats.connections.length === 2)
      await other.page.close()
      await seen(tab, 'that it went', () => {
        const { total, routes, connections, yourId } = window.headcount.stats
        return total === 1 && !('/b' in routes) && connections.length === 1 && connections[0].id === yourId
      })
      const messages = await tab.page.evaluate(() => window.messages)
      assert.deepEqual(new Set(messages.splice(1)), new Set(['stats-delta']))
      assert.deepEqual(messages, ['stats'])
      await tab.page.evaluate(() => window.stop())
      assert.equal(await tab.page.evaluate(() => window.headcount.stats), null)
    })

    test(`whoever does not see single connections is not sent them, until somebody wants them, over ${transport}`, async () => {
      site.attributes = `data-transport="${transport}"`
      const tab = await Tab.open(await newVisitor(browser), `${site.url}/a`)
      await tab.page.evaluate(() => window.headcount.subscribe({ connections: false }))
      await seen(tab, 'the counts', () => window.headcount.stats?.total === 1)
      assert.deepEqual(await tab.page.evaluate(() => window.headcount.stats.connections), [])
      await tab.page.evaluate(() => window.headcount.subscribe())
      await seen(tab, 'itself', () => window.headcount.stats.connections.length === 1)
    })

    test(`whether somebody sees a tab, at open and while it is open, over ${transport}`, async () => {
      site.attributes = `data-transport="${transport}"`
      const visitor = await newVisitor(browser)
      await visitor.addInitScript(hiding)
      const tab = await Tab.open(visitor, `${site.url}/a`)
      await counted({ total: 1, visible: 0 })
      await tab.page.evaluate(() => window.hide(false))
      await counted({ total: 1, visible: 1 })
      await tab.page.evaluate(() => window.hide(true))
      await counted({ total: 1, visible: 0 })
    })
  }
})

describe('the way to the server', () => {
  test('after a restart a tab is back, once, under the page it shows now', async () => {
    const tab = await Tab.open(await newVisitor(browser), `${site.url}/a`)
    await counted({ routes: { '/a': 1 } })
    await tab.page.locator('button').click()
    await server.stop()
    server = await serve()
    site.upstream = server.url
    await counted({ total: 1, versions: { v2: 1 }, routes: { '/pushed': 1 } }, RETURN_WITHIN_MS)
    assert.equal(tab.loads, 1)
  })

  test('a site whose server is away shows its pages without an error', async () => {
    site.upstream = 'http://127.0.0.1:1'
    const tab = await Tab.open(await newVisitor(browser), `${site.url}/a`)
    await seen(tab, 'that it waits', () => window.headcount.state === 'waiting')
    assert.deepEqual(tab.errors, [])
    site.upstream = server.url
    await counted({ routes: { '/a': 1 } }, RETURN_WITHIN_MS)
  })

  test('what was missed while away is heard on return, once, over WebSocket', missing)

  for (const transport of ['websocket', 'sse']) {
    test(`a server on another origin that allows the site's, over ${transport}`, async () => {
      await server.stop()
      server = await serve('--allowed-origin', site.url)
      site.attributes = `data-base="${server.url}/__skew" data-transport="${transport}"`
      const tab = await Tab.open(await newVisitor(browser), `${site.url}/a`)
      await counted({ routes: { '/a': 1 } })
      await tab.page.locator('button').click()
      await counted({ routes: { '/pushed': 1 } })
      await tab.page.evaluate(() => window.headcount.subscribe())
      await seen(tab, 'itself', () => window.headcount.stats?.routes['/pushed'] === 1)
      assert.deepEqual(site.opened, { sse: 0, ws: 0 })
    })
  }

  test('where a proxy refuses WebSocket the tab is counted over SSE, navigations included', async () => {
    site.passesWebSocket = false
    const tab = await Tab.open(await newVisitor(browser), `${site.url}/a`)
    await counted({ routes: { '/a': 1 } }, RETURN_WITHIN_MS)
    assert.ok(site.opened.sse >= 1)
    await tab.page.locator('button').click()
    await counted({ routes: { '/pushed': 1 } })
    await server.command('invalidate-route', { route: '/pushed' })
    await loaded([[tab, 2]])
  })
})

describe('over HTTP/2', () => {
  beforeEach(async () => {
    await site.stop()
    site = await Site.startSecure(server.url)
  })

  test('a tab is counted over SSE, and comes back under the page it shows now', async () => {
    const tab = await Tab.open(await newVisitor(browser), `${site.url}/a`)
    await counted({ routes: { '/a': 1 } })
    await tab.page.locator('button').click()
    await counted({ routes: { '/pushed': 1 } })
    await server.stop()
    server = await serve()
    site.upstream = server.url
    await counted({ total: 1, versions: { v2: 1 }, routes: { '/pushed': 1 } }, RETURN_WITHIN_MS)
    assert.equal(site.opened.ws, 0)
  })

  test('what was missed while away is heard on return, once, over SSE', missing)

  test('where a proxy buffers the stream the tab is counted over WebSocket', async () => {
    site.buffers = true
    await Tab.open(await newVisitor(browser), `${site.url}/a`)
    await until('a WebSocket', () => site.opened, ({ ws }) => ws > 0, RETURN_WITHIN_MS)
    await counted({ routes: { '/a': 1 } })
  })
})

describe('what a page goes through', () => {
  test('offline: no attempt until the browser is online again', async () => {
    const visitor = await newVisitor(browser)
    const tab = await Tab.open(visitor, `${site.url}/a`)
    await counted({ total: 1 })
    await visitor.setOffline(true)
    site.cut()
    await seen(tab, 'that it pauses', () => window.headcount.state === 'paused')
    await counted({ total: 0 })
    await visitor.setOffline(false)
    await counted({ routes: { '/a': 1 } })
  })

  test('the back/forward cache: not counted in there, and counted once when it comes back', async () => {
    const caching = await launchBrowser(['--disable-back-forward-cache'])
    try {
      const tab = await Tab.open(await newVisitor(caching), `${site.url}/a`)
      await tab.page.evaluate(() => addEventListener('pageshow', ({ persisted }) => { window.cached = persisted }))
      await tab.page.goto(`${site.url}/b`)
      await counted({ routes: { '/b': 1 } })
      await tab.page.goBack({ waitUntil: 'commit' }) // Nothing is loaded.
      await seen(tab, 'that it was kept', () => window.cached === true)
      await counted({ routes: { '/a': 1 } })
      await tab.page.reload()
      await counted({ routes: { '/a': 1 } })
    } finally {
      await caching.close()
    }
  })

  test('a user who stays after all is still counted and still reached', async () => {
    const tab = await Tab.open(await newVisitor(browser), `${site.url}/a`)
    await counted({ total: 1 })
    await tab.page.evaluate(() => { window.onbeforeunload = (event) => event.preventDefault() })
    const asked = inTime('the browser to ask', once(tab.page, 'dialog'))
    await tab.page.click('h1') // A page that nobody touched may not ask.
    const left = tab.page.locator('a[href="/b"]').click({ noWaitAfter: true })
    const [dialog] = await asked
    await dialog.dismiss()
    await left
    await tab.page.evaluate(() => { window.onbeforeunload = null })
    await counted({ total: 1, routes: { '/a': 1 } })
    await server.command('invalidate-route', { route: '/a' })
    await loaded([[tab, 2]])
  })
})

test('the package: a router that reports, a question of the application, and an end', async () => {
  site.script = `<script type="module">
    import { createHeadcount } from '/dist/index.js'
    window.client = createHeadcount({ version: 'v1', route: '/from/the/router', banner: false })
    window.client.on('prompt', ({ reload }) => { window.accept = reload })
  </script>`
  const tab = await Tab.open(await newVisitor(browser), `${site.url}/a`)
  await counted({ versions: { v1: 1 }, routes: { '/from/the/router': 1 } })
  await tab.page.evaluate(() => window.client.navigated('/next'))
  await counted({ routes: { '/next': 1 } })
  await server.command('invalidations', { match: { exact: '/next' }, mode: 'prompt' })
  await seen(tab, 'the question', () => window.accept !== undefined)
  assert.equal(await tab.page.locator('headcount-banner').count(), 0)
  await tab.page.evaluate(() => window.client.close())
  await counted({ total: 0 })
  await tab.page.evaluate(() => window.accept())
  await loaded([[tab, 2]])
})

describe('refresh', () => {
  test('by force: exactly the tabs that match, once, on the same query and hash', async () => {
    const visitor = await newVisitor(browser)
    const hit = await Tab.open(visitor, `${site.url}/checkout?step=2#pay`)
    const other = await Tab.open(visitor, `${site.url}/b`)
    await counted({ total: 2 })
    await server.command('invalidate-route', { route: '/checkout' })
    await loaded([[hit, 2], [other, 1]])
    assert.equal(hit.page.url(), `${site.url}/checkout?step=2#pay`)
    await counted({ total: 2 })
    await server.command('invalidate-route', { route: '/b' })
    await loaded([[hit, 2], [other, 2]])
  })

  test('a changed form holds it, a banner asks at the deadline, and saving lets it happen', async () => {
    site.attributes = 'data-deadline-ms="1500"'
    const tab = await Tab.open(await newVisitor(browser), `${site.url}/a`)
    await tab.page.fill('[name=name]', 'half a sentence')
    await tab.page.evaluate(() => { window.headcount.on('held', (held) => { window.held = held.reasons }) })
    await counted({ total: 1 })
    await server.command('invalidate-route', { route: '/a' })
    await seen(tab, 'why it waits', () => window.held?.includes('form'))
    await tab.page.getByText('Save your work').waitFor()
    assert.equal(tab.loads, 1)
    assert.equal(await tab.page.inputValue('[name=name]'), 'half a sentence')
    await tab.page.evaluate(() => window.headcount.saved())
    await loaded([[tab, 2]])
  })

  for (const transport of ['websocket', 'sse']) {
    test(`what becomes of it is known to whoever gave the command, over ${transport}`, async () => {
      site.attributes = `data-deadline-ms="1500" data-transport="${transport}"`
      const visitor = await newVisitor(browser)
      const free = await Tab.open(visitor, `${site.url}/a`)
      const said = listenToWhatIsSaid(free)
      await free.page.reload()
      const busy = await Tab.open(visitor, `${site.url}/a`)
      await busy.page.fill('[name=name]', 'half a sentence')
      await counted({ routes: { '/a': 2 } })
      const { id } = await server.command('invalidate-route', { route: '/a' })
      await outcome(id, { matched: 2, told: 2, reloaded: 1, held: 1, gone: 0 })
      assert.deepEqual(said('ack'), [{ id, outcome: 'reloading' }])
      await outcome(id, { reloaded: 1, held: 0, prompted: 1 })
      await busy.page.evaluate(() => window.headcount.saved())
      await loaded([[free, 3], [busy, 2]])
      await outcome(id, { matched: 2, told: 2, reloaded: 2, held: 0, prompted: 0, gone: 0 })
      await free.close()
      await outcome(id, { reloaded: 2, gone: 0 })
    })

    test(`that it is held is said again to a server that forgot, over ${transport}`, async () => {
      site.attributes = `data-transport="${transport}"`
      const tab = await Tab.open(await newVisitor(browser), `${site.url}/a`)
      await tab.page.fill('[name=name]', 'half a sentence')
      await counted({ total: 1 })
      const { id } = await server.command('invalidate-route', { route: '/a' })
      await outcome(id, { held: 1 })
      await server.stop()
      server = await serve()
      site.upstream = server.url
      await outcome(id, { held: 1, reloaded: 0 }, RETURN_WITHIN_MS)
      await tab.page.evaluate(() => window.headcount.saved())
      await loaded([[tab, 2]])
      await outcome(id, { held: 0, reloaded: 1 })
    })
  }

  test('by prompt: its user decides', async () => {
    const tab = await Tab.open(await newVisitor(browser), `${site.url}/a`)
    await counted({ total: 1 })
    const { id } = await server.command('invalidations', { match: { exact: '/a' }, audience: 'all', mode: 'prompt' })
    await outcome(id, { prompted: 1, reloaded: 0 })
    await tab.page.getByRole('button', { name: 'Reload' }).click()
    await loaded([[tab, 2]])
    await outcome(id, { prompted: 0, reloaded: 1 })
  })

  test('a cache that keeps serving the old build is said, and leads to no second reload', async () => {
    site.version = 'v1'
    const tab = new Tab(await (await newVisitor(browser)).newPage())
    await listenForStuck(tab)
    await tab.page.goto(`${site.url}/a`)
    await counted({ versions: { v1: 1 } })
    const { id } = await server.command('invalidations', { match: { prefix: '/' } })
    await seen(tab, 'that it is stuck', () => window.stuck === 1)
    assert.equal(tab.loads, 2)
    await outcome(id, { reloaded: 1, stuck: 1 })
    site.version = 'v2'
    await server.command('invalidations', { match: { prefix: '/a' } })
    await loaded([[tab, 3]])
    await counted({ versions: { v2: 1 } })
  })

  test('the same where storage is blocked', async () => {
    site.version = 'v1'
    const visitor = await newVisitor(browser)
    await visitor.addInitScript(() => {
      Object.defineProperty(window, 'sessionStorage', { get() { throw new DOMException('blocked', 'SecurityError') } })
    })
    const tab = new Tab(await visitor.newPage())
    await listenForStuck(tab)
    await tab.page.goto(`${site.url}/a`)
    await counted({ versions: { v1: 1 } })
    await server.command('invalidations', { match: { prefix: '/' } })
    await seen(tab, 'that it is stuck', () => window.stuck === 1)
    assert.equal(tab.loads, 2)
    assert.deepEqual(tab.errors, [])
  })
})

/** A tab that is away while a command is given: judged by it when it is back, and not again later. */
async function missing() {
  const tab = await Tab.open(await newVisitor(browser), `${site.url}/a`)
  await counted({ routes: { '/a': 1 } })
  // Counted before it was greeted: a page that was cut off in between would come back as a fresh one.
  await seen(tab, 'that it is open', () => window.headcount.state === 'open')
  const upstream = site.upstream
  site.upstream = 'http://127.0.0.1:1'
  site.cut()
  await counted({ total: 0 })
  await server.command('invalidate-route', { route: '/a' })
  site.upstream = upstream
  await loaded([[tab, 2]], RETURN_WITHIN_MS)
  await counted({ routes: { '/a': 1 } })
  await server.command('invalidate-route', { route: '/a' })
  await loaded([[tab, 3]])
}

/**
 * A page that nobody sees, until `hide(false)`. Headless Chromium shows every tab, and has no window that could be minimised; so
 * the page is told.
 */
function hiding() {
  let isHidden = true
  Object.defineProperty(document, 'hidden', { get: () => isHidden })
  window.hide = (now) => {
    isHidden = now
    document.dispatchEvent(new Event('visibilitychange'))
  }
}

/** @param {string[]} options */
function serve(...options) {
  return Server.run(['serve', '--authorize', 'anyone', '--data-dir', folder, '--limit', 'reconnect_spread_ms=500', ...options], { HEADCOUNT_ADMIN_SECRET: SECRET })
}

async function announce(...versions) {
  for (const version of versions) await server.command('releases', { version })
}

/** What the tab says from its next page on, by type. */
function listenToWhatIsSaid({ page }) {
  const texts = []
  page.on('request', (request) => { if (request.url().endsWith('/message')) texts.push(request.postData()) })
  page.on('websocket', (socket) => socket.on('framesent', ({ payload }) => texts.push(payload)))
  return (wanted) => texts.map((text) => JSON.parse(text)).filter(({ type }) => type === wanted).map(({ id, outcome }) => ({ id, outcome }))
}

/** Counts stuck commands from before the client's script, which waits for the document. */
function listenForStuck(tab) {
  return tab.page.addInitScript(() => {
    window.stuck = 0
    addEventListener('DOMContentLoaded', () => { window.headcount?.on('stuck', () => { window.stuck += 1 }) })
  })
}

/**
 * Waits until the stats hold exactly what is named.
 *
 * @param {{ total?: number, visible?: number, versions?: Record<string, number>, routes?: Record<string, number> }} expected
 * @param {number} [within_ms]
 */
function counted(expected, within_ms) {
  return until(`stats with ${JSON.stringify(expected)}`, () => server.stats(), (stats) =>
    Object.entries(expected).every(([name, value]) => JSON.stringify(sorted(stats[name])) === JSON.stringify(sorted(value))), within_ms)
}

/** Waits until the rule's outcomes hold exactly what is named. */
function outcome(id, expected, within_ms) {
  return until(`outcomes with ${JSON.stringify(expected)}`, async () => (await server.invalidation(id)).outcomes, (outcomes) =>
    Object.entries(expected).every(([name, value]) => outcomes[name] === value), within_ms)
}

const sorted = (value) => typeof value === 'object' ? Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)) : value

/** Waits until a page sees that something holds; `holds` runs in the page. */
function seen(tab, what, holds) {
  return until(`the page to see ${what}`, () => tab.page.evaluate(holds).catch(() => false), Boolean)
}

/** Waits until each tab has loaded that many pages, and fails at once if one loads more. */
function loaded(expected, within_ms) {
  const wanted = expected.map(([, loads]) => loads)
  return until(`${wanted.join(', ')} page loads`, () => {
    const loads = expected.map(([tab]) => tab.loads)
    loads.forEach((count, index) => assert.ok(count <= wanted[index], `tab ${index} loaded ${count} times instead of ${wanted[index]}`))
    return loads
  }, (loads) => loads.every((count, index) => count === wanted[index]), within_ms)
}
