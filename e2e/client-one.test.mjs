// One browser, many pages: tabs that were copied, applications that share an origin, and pages that bring the client more than once.

import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'

import { Tab, needs, newVisitor } from './browser.mjs'
import { Server } from './harness.mjs'
import { browser, counted, loaded, outcome, seen, server, site } from './stage.mjs'
import { until } from './wait.mjs'

/** The script tag, beside the package as often as asked for: each in another copy, as bundles have. */
function clients(transport, copies, { version = 'v2', base = '' } = {}) {
  const imports = Array.from({ length: copies }, (_, copy) => `
    window.clients.push((await import('/dist/index.js?copy=${copy}')).createHeadcount({ version: '${version}', transport: '${transport}' ${base} }))`)
  return `<script>window.clients = []</script>
<script type="module" src="/__skew/client.js" data-version="v2" data-transport="${transport}"></script>
<script type="module">${imports.join('')}
    window.isReady = true
</script>`
}

/** Whether all that is on its way has arrived: a later navigation was counted. */
async function settled(tab, path, expected) {
  await tab.page.evaluate((path) => history.pushState(null, '', path), path)
  await counted(expected)
}

for (const transport of ['websocket', 'sse']) {
  describe(`two tabs with one id, over ${transport}`, needs('popups'), () => {
    /** One was copied by a page without a client, which left the id where a copy finds it; then the first goes back. */
    async function twins(open) {
      site.attributes = `data-transport="${transport}"`
      const first = await Tab.open(await newVisitor(browser), `${site.url}/a`)
      await counted({ routes: { '/a': 1 } })
      site.script = ''
      await first.page.goto(`${site.url}/without`)
      await counted({ total: 0 })
      const [popup] = await Promise.all([first.page.waitForEvent('popup'), open(first.page)])
      const second = new Tab(popup)
      await popup.waitForURL(`${site.url}/other`)
      site.script = undefined
      await popup.goto(`${site.url}/b`)
      await counted({ routes: { '/b': 1 } })
      await first.page.goBack()
      return [first, second]
    }

    for (const [name, open] of [
      ['window.open', (page) => page.evaluate(() => { window.open('/other') })],
      ['a link with rel=opener', (page) => page.evaluate(() => {
        const link = Object.assign(document.createElement('a'), { href: '/other', target: '_blank', rel: 'opener' })
        document.body.append(link)
        link.click()
      })],
    ]) {
      test(`are both counted, and neither takes the place of the other again: ${name}`, async () => {
        const [first, second] = await twins(open)
        await counted({ routes: { '/a': 1, '/b': 1 } })
        await settled(second, '/b2', { total: 2, routes: { '/a': 1, '/b2': 1 } })
        await settled(first, '/a2', { total: 2, routes: { '/a2': 1, '/b2': 1 } })
        const tabs = site.queries.map((query) => query.get('tab'))
        assert.equal(tabs.length, 4, 'first, second, first again, second again')
        assert.deepEqual([tabs[0], tabs[1], tabs[2]], [tabs[2], tabs[2], tabs[2]])
        assert.notEqual(tabs[3], tabs[0])
        await second.page.reload()
        await first.page.reload()
        await counted({ total: 2, routes: { '/a2': 1, '/b2': 1 } })
        assert.deepEqual(new Set(site.queries.slice(4).map((query) => query.get('tab'))), new Set([tabs[0], tabs[3]]))
        assert.equal(site.queries.length, 6)
      })
    }

    test('are both refreshed, once', async () => {
      const [first, second] = await twins((page) => page.evaluate(() => { window.open('/other') }))
      await counted({ routes: { '/a': 1, '/b': 1 } })
      const [a, b] = [first.loads, second.loads]
      const { id } = await server.command('invalidations', { match: { prefix: '/' }, audience: 'all' })
      await loaded([[first, a + 1], [second, b + 1]])
      await until('both to be back', () => server.invalidation(id), ({ outcomes }) => outcomes.reloaded === 2 && outcomes.gone === 0)
    })
  })

  describe(`a page that brings the client more than once, over ${transport}`, () => {
    async function open(script) {
      site.script = script
      const tab = await Tab.open(await newVisitor(browser), `${site.url}/a`)
      await seen(tab, 'all of them', () => window.isReady)
      tab.warnings = []
      tab.page.on('console', (message) => { if (message.type() === 'warning') tab.warnings.push(message.text()) })
      await tab.page.reload()
      await seen(tab, 'all of them', () => window.isReady)
      return tab
    }

    test('is one tab: script tag and two copies of the package', async () => {
      const tab = await open(clients(transport, 2))
      await counted({ total: 1, versions: { v2: 1 }, routes: { '/a': 1 } })
      assert.equal(site.queries.length, 2, 'one for each of two page loads')
      await settled(tab, '/b', { total: 1, routes: { '/b': 1 } })
      const { id } = await server.command('invalidate-route', { route: '/b' })
      await loaded([[tab, 3]])
      await until('it to be back', () => server.invalidation(id), ({ outcomes }) => outcomes.reloaded === 1 && outcomes.gone === 0)
      assert.deepEqual([tab.warnings, tab.errors], [[], []])
    })

    test('ends for one of them without ending for the others', async () => {
      const tab = await open(clients(transport, 2))
      await counted({ total: 1 })
      await tab.page.evaluate(() => {
        const [first, second] = window.clients
        window.heard = []
        window.headcount.on('route', (route) => window.heard.push(`tag ${route}`))
        first.on('route', (route) => window.heard.push(`first ${route}`))
        second.on('route', (route) => window.heard.push(`second ${route}`))
        first.hold('first')
        first.subscribe()
        second.subscribe({ connections: false })
      })
      await seen(tab, 'stats', () => window.clients[1].stats?.connections.length === 1)
      await server.command('invalidate-route', { route: '/a' })
      await seen(tab, 'that it is asked later', () => window.headcount.state === 'open')
      await tab.page.evaluate(() => {
        window.kept = window.clients[1].hold('second')
        window.clients[0].close()
        window.clients[0].close()
        window.clients[0].hold('after the end')
        history.pushState(null, '', '/b')
      })
      await counted({ total: 1, routes: { '/b': 1 } })
      assert.deepEqual(await tab.page.evaluate(() => [window.heard, window.clients.map(({ state }) => state), window.headcount.state]), [['tag /b', 'second /b'], ['closed', 'open'], 'open'])
      await tab.loaded(2)
      await tab.page.evaluate(() => window.kept())
      await loaded([[tab, 3]])
      await seen(tab, 'all of them', () => window.isReady)
      await tab.page.evaluate(() => {
        window.headcount.close()
        window.clients[0].close()
      })
      await settled(tab, '/c', { total: 1, routes: { '/c': 1 } })
      await tab.page.evaluate(() => window.clients[1].close())
      await counted({ total: 0 })
      await tab.page.evaluate(async () => { window.clients.push((await import('/dist/index.js?copy=7')).createHeadcount({ version: 'v1' })) })
      await counted({ total: 1, versions: { v1: 1 }, routes: { '/c': 1 } })
    })

    for (const [what, options, said] of [
      ['build', { version: 'v9' }, /v2, not http\S+, v9$/],
      ['base', { base: ", base: '/elsewhere'" }, /__skew\/, v2, not http\S+\/elsewhere\/, v2$/],
    ]) {
      test(`keeps what the first came with, and says so once, where the ${what} of another differs`, async () => {
        const tab = await open(clients(transport, 2, options))
        await counted({ total: 1, versions: { v2: 1 } })
        assert.equal(tab.warnings.length, 1)
        assert.match(tab.warnings[0], said)
        assert.deepEqual(tab.errors, [])
      })
    }

    test('shows the page that a router reports, for as long as it reports', async () => {
      const tab = await open(clients(transport, 1, { base: ", route: '/from/the/router'" }))
      await counted({ total: 1, routes: { '/from/the/router': 1 } })
      await tab.page.evaluate(() => {
        history.pushState(null, '', '/b')
        window.clients[0].navigated('/next')
      })
      await counted({ total: 1, routes: { '/next': 1 } })
      await tab.page.evaluate(() => {
        window.clients[0].close()
        history.pushState(null, '', '/c')
      })
      await counted({ total: 1, routes: { '/c': 1 } })
    })
  })

  describe(`bundles of which one is closed before another starts, over ${transport}`, () => {
    /** A page on which each bundle has its own copy of every file. */
    async function open() {
      site.script = `<script type="module">
        const bundles = { first: '/dist/index.js', second: '/pro/dist/index.js' }
        window.start = async (bundle) => { window.client = (await import(bundles[bundle])).createHeadcount({ version: 'v2', transport: '${transport}' }) }
        await window.start('first')
      </script>`
      site.body = '<p id="editor" contenteditable>text</p><input id="field">'
      const tab = await Tab.open(await newVisitor(browser), `${site.url}/a`)
      await counted({ total: 1 })
      return tab
    }

    async function replace(tab) {
      await until('the first to know what is work', () => site.parts, (parts) => parts.includes('refreshing'))
      await tab.page.evaluate(() => { window.client.close() })
      await counted({ total: 0 })
      await tab.page.evaluate(() => window.start('second'))
      await counted({ total: 1 })
      return server.command('invalidate-route', { route: '/a' })
    }

    test('share what was typed, until it is saved', async () => {
      const tab = await open()
      await tab.page.click('#editor')
      await tab.page.keyboard.type('x')
      const { id } = await replace(tab)
      await outcome(id, { held: 1 })
      await tab.loaded(1)
      await tab.page.evaluate(() => { window.client.saved() })
      await loaded([[tab, 2]])
    })

    test('share what was there before, so that undoing under the second ends it', async () => {
      const tab = await open()
      await tab.page.click('#editor')
      await tab.page.keyboard.press('End')
      await tab.page.keyboard.type('x')
      const { id } = await replace(tab)
      await outcome(id, { held: 1 })
      await tab.page.keyboard.press('Backspace')
      await loaded([[tab, 2]])
    })

    test('share what was saved', async () => {
      const tab = await open()
      await tab.page.click('#field')
      await tab.page.keyboard.type('x')
      await tab.page.evaluate(() => { window.client.saved() })
      await replace(tab)
      await loaded([[tab, 2]])
    })
  })

  test(`an element called like the client hides nothing, over ${transport}`, async () => {
    site.attributes = `data-transport="${transport}"`
    site.body = '<p id="headcount">3</p>'
    const tab = await Tab.open(await newVisitor(browser), `${site.url}/a`)
    await counted({ total: 1 })
    await seen(tab, 'the client', () => window.headcount.state === 'open')
  })

  test(`where storage is blocked, a tab that reloads for a command is counted as back, over ${transport}`, async () => {
    site.attributes = `data-transport="${transport}"`
    const visitor = await newVisitor(browser)
    site.body = `<script>Object.defineProperty(window, 'sessionStorage', { get() { throw new DOMException('blocked', 'SecurityError') } })</script>`
    const tab = await Tab.open(visitor, `${site.url}/a`)
    await counted({ total: 1 })
    const { id } = await server.command('invalidate-route', { route: '/a' })
    await loaded([[tab, 2]])
    await until('it to be back', () => server.invalidation(id), ({ outcomes }) => outcomes.reloaded === 1 && outcomes.gone === 0)
    await counted({ total: 1 })
  })

  describe(`two applications of one origin, over ${transport}`, () => {
    const SECRET = 'that-of-the-other-application'
    let other
    afterEach(() => other?.stop())

    async function start() {
      other = await Server.run(['serve', '--ephemeral', '--authorize', 'anyone', '--limit', 'reconnect_spread_ms=500'], { HEADCOUNT_ADMIN_SECRET: SECRET })
      for (const version of ['v1', 'v2']) await other.command('releases', { version })
      site.pro = other.url
    }

    test('with the same build refresh a tab each for their own commands, which have the same numbers', async () => {
      await start()
      site.attributes = `data-transport="${transport}"`
      const tab = await Tab.open(await newVisitor(browser), `${site.url}/a`)
      await counted({ total: 1 })
      const one = await server.command('invalidate-route', { route: '/a' })
      await loaded([[tab, 2]])
      await counted({ total: 1 })
      await tab.page.goto(`${site.url}/pro/a`)
      await until('the tab', () => other.stats(), ({ total }) => total === 1)
      const two = await other.command('invalidate-route', { route: '/pro/a' })
      assert.equal(one.id, two.id)
      await loaded([[tab, 4]])
      await until('it to be back', () => other.invalidation(two.id), ({ outcomes }) => outcomes.reloaded === 1 && outcomes.gone === 0)
      const tabs = new Set(site.queries.map((query) => query.get('tab')))
      assert.equal(tabs.size, 2, 'each server is told another id')
      const kept = await tab.page.evaluate(() => Object.keys(sessionStorage))
      for (const key of kept) assert.match(key, /^headcount\.\w+ http:\S+\/__skew\/$/)
    })

    test('lose nothing when one restarts without a disk', async () => {
      await start()
      site.attributes = `data-transport="${transport}"`
      const tab = await Tab.open(await newVisitor(browser), `${site.url}/pro/a`)
      for (const loads of [2, 3]) {
        await until('the tab', () => other.stats(), ({ total }) => total === 1)
        const { id } = await other.command('invalidate-route', { route: '/pro/a' })
        await loaded([[tab, loads]])
        await until('it to be back', () => other.invalidation(id), ({ outcomes }) => outcomes.reloaded === 1 && outcomes.gone === 0)
        await other.stop()
        await start()
      }
      await until('the tab', () => other.stats(), ({ total }) => total === 1, 20_000)
    })
  })
}
