// The browser client by its script tag, in a real browser, against the real server, through a test site: counts, the way to the server,
// and what a page goes through.
//
// That a tab did *not* reload is shown as in demo.test.mjs: a later command arrived, so an earlier one would have.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { beforeEach, describe, test } from 'node:test'

import { needs, newVisitor, Tab } from './browser.mjs'
import { RETURN_WITHIN_MS, browser, counted, loaded, moveToHttp2, seen, server, site, startServer } from './stage.mjs'
import { inTime, until } from './wait.mjs'

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
    await tab.loaded(1)
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
    test(`a subscriber gets live stats, over ${transport}: one whole, then what changed, each shown complete`, async () => {
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

    test(`a tab is sent no single connections until a subscription wants them, over ${transport}`, async () => {
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
      site.body = `<script>(${hiding})()</script>`
      const tab = await Tab.open(await newVisitor(browser), `${site.url}/a`)
      await counted({ total: 1, visible: 0 })
      await tab.page.evaluate(() => window.hide(false))
      await counted({ total: 1, visible: 1 })
      await tab.page.evaluate(() => window.hide(true))
      await counted({ total: 1, visible: 0 })
    })
  }
})

describe('stats over WebSocket', () => {
  test('may be asked for long after the handshake, without a reconnect', async () => {
    await server.stop()
    await startServer('--limit', 'handshake_credentials_ms=1')
    site.upstream = server.url
    site.attributes = 'data-transport="websocket"'
    const visitor = await newVisitor(browser)
    await visitor.addCookies([{ name: await server.ticketCookie(), value: 'a'.repeat(43), url: site.url }])
    const tab = await Tab.open(visitor, `${site.url}/a`)
    await counted({ routes: { '/a': 1 } })
    await tab.page.evaluate(() => window.headcount.subscribe())
    await seen(tab, 'itself', () => window.headcount.stats?.routes['/a'] === 1)
    assert.deepEqual(site.opened, { sse: 0, ws: 1 })
  })
})

describe('the way to the server', () => {
  test('after a restart a tab is back, once, under the page it shows now', async () => {
    const tab = await Tab.open(await newVisitor(browser), `${site.url}/a`)
    await counted({ routes: { '/a': 1 } })
    await tab.page.locator('button').click()
    await server.stop()
    await startServer()
    site.upstream = server.url
    await counted({ total: 1, versions: { v2: 1 }, routes: { '/pushed': 1 } }, RETURN_WITHIN_MS)
    await tab.loaded(1)
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
      await startServer('--allowed-origin', site.url)
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
    await moveToHttp2()
  })

  for (const [transport, opened] of [['websocket', 'ws'], ['sse', 'sse']]) {
    test(`a tab is counted over ${transport}, and comes back under the page it shows now`, async () => {
      // Which transport is first where nothing is said.
      site.attributes = transport === 'sse' ? 'data-transport="sse"' : ''
      const tab = await Tab.open(await newVisitor(browser), `${site.url}/a`)
      await counted({ routes: { '/a': 1 } })
      await tab.page.locator('button').click()
      await counted({ routes: { '/pushed': 1 } })
      await server.stop()
      await startServer()
      site.upstream = server.url
      await counted({ total: 1, versions: { v2: 1 }, routes: { '/pushed': 1 } }, RETURN_WITHIN_MS)
      assert.equal(site.opened[opened === 'ws' ? 'sse' : 'ws'], 0)
    })
  }

  test('what was missed while away is heard on return, once, over SSE', async () => {
    // WebKitGTK tells a page nothing of an HTTP/2 connection that broke: there the client learns it by the silence.
    await server.stop()
    await startServer('--limit', 'keepalive_ms=2000')
    site.upstream = server.url
    site.attributes = 'data-transport="sse"'
    await missing()
  })

  test('where WebSockets do not get through the next pages begin with SSE, and where a proxy buffers that, the tab is back on WebSocket', async () => {
    site.passesWebSocket = false
    const tab = await Tab.open(await newVisitor(browser), `${site.url}/a`)
    await counted({ routes: { '/a': 1 } }, RETURN_WITHIN_MS)
    await seen(tab, 'that WebSockets do not get through', () => Boolean(sessionStorage.getItem(`headcount.sse ${location.origin}/__skew/`)))
    const { ws } = site.opened
    await tab.follow('/b')
    await counted({ routes: { '/b': 1 } })
    assert.equal(site.opened.ws, ws)
    site.passesWebSocket = true
    site.buffers = true
    await tab.page.reload()
    await until('a WebSocket', () => site.opened, (opened) => opened.ws > ws, RETURN_WITHIN_MS)
    await counted({ routes: { '/b': 1 } })
  })
})

describe('what a page goes through', () => {
  test('offline: no attempt until the browser is online again', needs('offline'), async () => {
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

  test('a user who stays after all is still counted and still reached', needs('dialogs'), async () => {
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
 * A page that nobody sees, until `hide(false)`. Headless browsers show every tab, and have no window that could be minimised; so the page is
 * told.
 */
function hiding() {
  let isHidden = true
  Object.defineProperty(document, 'hidden', { get: () => isHidden })
  window.hide = (now) => {
    isHidden = now
    document.dispatchEvent(new Event('visibilitychange'))
  }
}
