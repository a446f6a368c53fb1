// Refreshes by the browser client: exactly the tabs that match, once, and without lost work.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { needs, newVisitor, Tab } from './browser.mjs'
import { RETURN_WITHIN_MS, browser, counted, loaded, outcome, seen, server, site, startServer } from './stage.mjs'
import { until } from './wait.mjs'

/** After some seconds the client takes it that the page was not left. */
const STAYED_WITHIN_MS = 15_000

describe('refresh', () => {
  test('by force: exactly the tabs that match, once, on the same query and hash', async () => {
    const visitor = await newVisitor(browser)
    const hit = await Tab.open(visitor, `${site.url}/checkout?step=2#pay`)
    const other = await Tab.open(visitor, `${site.url}/b`)
    await counted({ total: 2 })
    await server.command('invalidate-route', { route: '/checkout' })
    await loaded([[hit, 2], [other, 1]])
    assert.equal(await hit.page.url(), `${site.url}/checkout?step=2#pay`)
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
    await tab.loaded(1)
    assert.equal(await tab.page.inputValue('[name=name]'), 'half a sentence')
    await tab.page.evaluate(() => window.headcount.saved())
    await loaded([[tab, 2]])
  })

  test('a user who stays on a page that asks is asked once more, by the banner, and goes by consent', needs('dialogs'), async () => {
    const address = `${site.url}/a?kept=1#part`
    const tab = await Tab.open(await newVisitor(browser), address)
    await counted({ total: 1 })
    let dialogs = 0
    tab.page.on('dialog', (dialog) => {
      dialogs += 1
      dialog.dismiss()
    })
    await tab.page.evaluate(() => { window.onbeforeunload = (event) => event.preventDefault() })
    await tab.page.click('h1') // A page that nobody touched may not ask.
    const before = await tab.page.evaluate(() => history.length)
    const { id } = await server.command('invalidate-route', { route: '/a' })
    await outcome(id, { prompted: 1, reloaded: 0 }, STAYED_WITHIN_MS)
    await tab.page.evaluate(() => { window.onbeforeunload = null })
    await tab.loaded(1)
    assert.equal(dialogs, 1)
    await tab.page.getByRole('button', { name: 'Reload' }).click()
    await loaded([[tab, 2]])
    await outcome(id, { prompted: 0, reloaded: 1 })
    assert.deepEqual(await tab.page.evaluate(() => [location.href, history.length]), [address, before])
  })

  test('for commands that come while the page goes, names all of them', needs('routes'), async () => {
    const tab = await Tab.open(await newVisitor(browser), `${site.url}/a`)
    await counted({ total: 1 })
    let letGo
    const isTold = new Promise((resolve) => { letGo = resolve })
    await tab.page.route('**/a', async (route) => {
      if (!route.request().isNavigationRequest()) return route.continue() // A look before each.
      await isTold
      await route.continue().catch(() => {}) // Each reload takes the place of the one before.
    })
    const matches = [{ exact: '/a' }, { prefix: '/a' }, { segment: '/a' }, { glob: '/*' }, { regex: 'a' }]
    const given = await Promise.all(matches.map((match) => server.command('invalidations', { match, audience: 'all' })))
    await until('word on each', () => said('ack'), (acks) => acks.length === matches.length)
    letGo()
    await loaded([[tab, 2]])
    for (const { id } of given) await outcome(id, { matched: 1, told: 1, reloaded: 1, gone: 0 })
  })

  for (const transport of ['websocket', 'sse']) {
    test(`the admin who gave the command sees what becomes of it, over ${transport}`, async () => {
      site.attributes = `data-deadline-ms="4000" data-transport="${transport}"`
      const visitor = await newVisitor(browser)
      const free = await Tab.open(visitor, `${site.url}/a`)
      const busy = await Tab.open(visitor, `${site.url}/a`)
      await busy.page.fill('[name=name]', 'half a sentence')
      await counted({ routes: { '/a': 2 } })
      const { id } = await server.command('invalidate-route', { route: '/a' })
      await outcome(id, { matched: 2, told: 2, reloaded: 1, held: 1, gone: 0 })
      assert.equal(said('ack').filter(({ outcome }) => outcome === 'reloading').length, 1)
      await outcome(id, { reloaded: 1, held: 0, prompted: 1 }, STAYED_WITHIN_MS)
      await busy.page.evaluate(() => window.headcount.saved())
      await loaded([[free, 2], [busy, 2]])
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
      await startServer()
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

  test('a cache that keeps serving the old build is said, and leads to no reload', async () => {
    site.version = 'v1'
    const tab = await Tab.open(await newVisitor(browser), `${site.url}/a`)
    await counted({ versions: { v1: 1 } })
    const { id } = await server.command('invalidations', { match: { prefix: '/' } })
    await outcome(id, { waiting: 1, reloaded: 0 })
    site.version = 'v2'
    await server.command('invalidations', { match: { prefix: '/a' } })
    await loaded([[tab, 2]], RETURN_WITHIN_MS)
    await counted({ versions: { v2: 1 } })
    await outcome(id, { waiting: 0, reloaded: 1 })
  })

  for (const isBlocked of [false, true]) {
    test(`one whose build cannot be told beforehand leads to one reload for now${isBlocked ? ', where storage is blocked as well' : ''}`, async () => {
      site.script = '<script type="module">import { createHeadcount } from "/dist/index.js"; createHeadcount({ version: "v1" })</script>'
      if (isBlocked) site.body = `<script>(${block})()</script>`
      const tab = await Tab.open(await newVisitor(browser), `${site.url}/a`)
      await counted({ versions: { v1: 1 } })
      const { id } = await server.command('invalidations', { match: { prefix: '/' } })
      await outcome(id, { waiting: 1, stuck: 0 })
      await tab.loaded(2)
      assert.deepEqual(tab.errors, [])
    })
  }
})

/** A page without storage, as some browsers and settings have it. */
function block() {
  Object.defineProperty(window, 'sessionStorage', { get() { throw new DOMException('blocked', 'SecurityError') } })
}

/** What tabs said, by type. */
const said = (wanted) => site.said.filter(({ type }) => type === wanted)
