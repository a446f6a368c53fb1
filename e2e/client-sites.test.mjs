// What sites and browsers do around the client: service workers, hash routers, several tabs of one browser, the back/forward cache.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { launchBrowser, needs, newVisitor, Tab } from './browser.mjs'
import { RETURN_WITHIN_MS, browser, counted, loaded, outcome, seen, server, site } from './stage.mjs'

const TRANSPORTS = ['websocket', 'sse']
/** Looks at the page come at growing intervals. */
const LOOKED_WITHIN_MS = 30_000

/** Serves each page as it was when it was first asked for. */
const WORKER = `
  addEventListener('install', () => { skipWaiting() })
  addEventListener('activate', (event) => { event.waitUntil(clients.claim()) })
  const kept = async (request) => {
    const pages = await caches.open('pages')
    const page = await pages.match(request.url)
    if (page) return page
    const answer = await fetch(request)
    await pages.put(request.url, answer.clone())
    return answer
  }
  addEventListener('fetch', (event) => { if (new URL(event.request.url).pathname === '/a') event.respondWith(kept(event.request)) })`

for (const transport of TRANSPORTS) {
  describe(`a service worker that serves an old page, over ${transport}`, () => {
    test('leads to no reload in vain, and the tab goes when the worker has the new one', async () => {
      const tab = await openWithWorker(transport, 'v1')
      site.version = 'v2'
      const { id } = await server.command('invalidations', { match: { prefix: '/' } })
      await outcome(id, { waiting: 1, reloaded: 0 })
      await tab.loaded(2)
      await tab.page.evaluate(async () => { await caches.delete('pages') })
      await loaded([[tab, 3]], LOOKED_WITHIN_MS)
      await counted({ versions: { v2: 1 } })
      await outcome(id, { waiting: 0, reloaded: 1, stuck: 0 })
    })

    test('of the current build: each command loads that page once', async () => {
      const tab = await openWithWorker(transport, 'v2')
      const { id } = await server.command('invalidate-route', { route: '/a' })
      await loaded([[tab, 3]])
      await outcome(id, { told: 1, reloaded: 1, gone: 0 })
      await counted({ total: 1, versions: { v2: 1 } })
      await server.command('invalidate-route', { route: '/a' })
      await loaded([[tab, 4]])
    })
  })

  describe(`a hash router, over ${transport}`, () => {
    test('is one tab on one page, and a refresh keeps where it is and the way back', async () => {
      const tab = await open(transport, '/app#/inbox', '<a id="sent" href="#/sent">Sent</a>')
      await tab.page.click('#sent')
      await tab.page.waitForURL('**/app#/sent')
      await counted({ total: 1, routes: { '/app': 1 } })
      await server.command('invalidate-route', { route: '/app' })
      await loaded([[tab, 2]])
      assert.equal(await tab.page.url(), `${site.url}/app#/sent`)
      await counted({ total: 1, routes: { '/app': 1 } })
      await tab.page.goBack()
      await tab.page.waitForURL('**/app#/inbox')
      await server.command('invalidate-route', { route: '/app' })
      await loaded([[tab, 3]])
      assert.equal(await tab.page.url(), `${site.url}/app#/inbox`)
    })

    test('that reports its pages is counted and reached under them', async () => {
      const tab = await open(transport, '/app#/inbox', `<a id="sent" href="#/sent">Sent</a><script type="module">
        const report = () => { window.headcount.navigated(location.hash.slice(1)) }
        addEventListener('hashchange', report)
        report()
      </script>`)
      await counted({ total: 1, routes: { '/inbox': 1 } })
      await tab.page.click('#sent')
      await counted({ total: 1, routes: { '/sent': 1 } })
      await server.command('invalidate-route', { route: '/inbox' })
      await server.command('invalidate-route', { route: '/sent' })
      await loaded([[tab, 2]])
      assert.equal(await tab.page.url(), `${site.url}/app#/sent`)
      await counted({ total: 1, routes: { '/sent': 1 } })
    })
  })

  test(`several tabs of one browser: each is one, and does what concerns it, over ${transport}`, async () => {
    const visitor = await newVisitor(browser)
    site.attributes = `data-transport="${transport}"`
    const [free, busy, other] = [await Tab.open(visitor, `${site.url}/a?1`), await Tab.open(visitor, `${site.url}/a?2`), await Tab.open(visitor, `${site.url}/b`)]
    await busy.page.fill('[name=name]', 'half a sentence')
    await counted({ total: 3, routes: { '/a': 2, '/b': 1 } })
    const { id } = await server.command('invalidate-route', { route: '/a' })
    await loaded([[free, 2], [busy, 1], [other, 1]])
    await outcome(id, { matched: 2, told: 2, reloaded: 1, held: 1, gone: 0 })
    assert.equal(await busy.page.inputValue('[name=name]'), 'half a sentence')
    await busy.page.evaluate(() => window.headcount.saved())
    await loaded([[free, 2], [busy, 2], [other, 1]])
    await outcome(id, { reloaded: 2, held: 0, gone: 0 })
    await free.close()
    await counted({ total: 2, routes: { '/a': 1, '/b': 1 } })
  })

  test(`a page that is left and comes back is counted once, and hears what it missed, over ${transport}`, async () => {
    await leaveAndComeBack(await newVisitor(browser), transport)
  })
}

test('the back/forward cache: a page in there is not counted, and comes back as it was', needs('cachedStreams'), async () => {
  const caching = await launchBrowser(['--disable-back-forward-cache'])
  try {
    assert.ok(await leaveAndComeBack(await newVisitor(caching), 'websocket'))
  } finally {
    await Promise.all(caching.contexts().map((context) => context.close()))
    await caching.close()
  }
})

test('the back/forward cache: a page that was kept without a stream opens one when it comes back', async () => {
  const caching = await launchBrowser(['--disable-back-forward-cache'])
  try {
    const upstream = site.upstream
    site.attributes = 'data-transport="websocket"' // With no request beside it: a page is not kept that waits for an answer.
    const tab = await Tab.open(await newVisitor(caching), `${site.url}/a`)
    await counted({ total: 1 })
    site.upstream = 'http://127.0.0.1:1'
    site.cut()
    await seen(tab, 'that it waits', () => {
      if (window.headcount.state !== 'waiting') return false
      for (let timer = setTimeout(() => {}); timer > 0; timer -= 1) clearTimeout(timer) // A page that retries at that moment is not kept either.
      return true
    })
    await tab.page.evaluate(() => { addEventListener('pageshow', ({ persisted }) => { window.wasKept = persisted }) })
    site.status = 404 // A page without a client.
    await tab.page.goto(`${site.url}/b`)
    await tab.page.goBack({ waitUntil: 'commit' }) // Nothing is loaded.
    await seen(tab, 'that it was kept', () => window.wasKept === true)
    site.upstream = upstream
    await counted({ total: 1, routes: { '/a': 1 } }, RETURN_WITHIN_MS)
    await tab.loaded(2)
  } finally {
    await Promise.all(caching.contexts().map((context) => context.close()))
    await caching.close()
  }
})

/** Whether the browser kept the page. */
async function leaveAndComeBack(visitor, transport) {
  site.attributes = `data-transport="${transport}"`
  const tab = await Tab.open(visitor, `${site.url}/a`)
  await counted({ total: 1, routes: { '/a': 1 } })
  await tab.page.evaluate(() => { addEventListener('pageshow', ({ persisted }) => { sessionStorage.wasKept = persisted }) })
  await tab.page.goto(`${site.url}/b`)
  await counted({ total: 1, routes: { '/b': 1 } })
  await server.command('invalidate-route', { route: '/a' })
  await tab.page.goBack({ waitUntil: 'commit' }) // Nothing is loaded where it was kept.
  await tab.page.waitForURL('**/a')
  await counted({ total: 1, routes: { '/a': 1 } })
  await loaded([[tab, 3]]) // Either the browser loads it, or the client for the command.
  await seen(tab, 'that it is open', () => window.headcount.state === 'open') // A page is newer than what was given before.
  await server.command('invalidate-route', { route: '/a' })
  await loaded([[tab, 4]])
  await counted({ total: 1, routes: { '/a': 1 } })
  return tab.page.evaluate(() => sessionStorage.wasKept === 'true')
}

/** A counted tab that its service worker has got its page from. */
async function openWithWorker(transport, version) {
  site.version = version
  site.files['/sw.js'] = WORKER
  const tab = await open(transport, '/a', '<script>navigator.serviceWorker.register("/sw.js")</script>')
  await seen(tab, 'its worker', () => navigator.serviceWorker.controller !== null)
  await tab.page.reload()
  await loaded([[tab, 2]])
  await counted({ total: 1, versions: { [version]: 1 } })
  return tab
}

/** A counted tab over this transport, with more on its page. */
async function open(transport, path, body) {
  site.attributes = `data-transport="${transport}"`
  site.body = body
  const tab = await Tab.open(await newVisitor(browser), `${site.url}${path}`)
  await counted({ total: 1 })
  return tab
}
