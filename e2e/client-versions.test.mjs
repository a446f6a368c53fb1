// Two versions of the client on one page: today's and an older build (`older/`), in either order.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, test } from 'node:test'

import { newVisitor, Tab } from './browser.mjs'
import { RETURN_WITHIN_MS, browser, counted, loaded, outcome, seen, server, site } from './stage.mjs'

const TODAY = '/dist/index.js'
const OLDER = '/older.js'
const ORDERS = { 'the older first': [OLDER, TODAY], 'the older last': [TODAY, OLDER] }

/** A page with both clients, in this order. */
async function open(build, files, transport) {
  site.files[OLDER] = await readFile(new URL(`older/${build}.js`, import.meta.url), 'utf8')
  const clients = files.map((file) => `window.clients.push((await import('${file}')).createHeadcount({ version: 'v2', transport: '${transport}' }))`)
  site.script = `<script>window.clients = []</script><script type="module">${clients.join('\n')}</script>`
  const tab = await Tab.open(await newVisitor(browser), `${site.url}/a`)
  await areOpen(tab)
  return tab
}

const areOpen = (tab) => seen(tab, 'both clients', () => window.clients.length === 2 && window.clients.every(({ state }) => state === 'open'))

for (const transport of ['websocket', 'sse']) {
  for (const [order, files] of Object.entries(ORDERS)) {
    describe(`over ${transport}, ${order}`, () => {
      test('one that joins others is one tab with today\'s', async () => {
        const tab = await open('joins', files, transport)
        await counted({ total: 1, versions: { v2: 1 }, routes: { '/a': 1 } })
        assert.equal(site.queries.length, 1)
        await tab.page.evaluate(() => {
          window.heard = []
          for (const client of window.clients) client.on('route', (route) => window.heard.push(route))
          window.letGo = window.clients[1].hold('the second')
          window.clients[0].subscribe()
          window.clients[1].subscribe({ connections: false })
          history.pushState(null, '', '/b')
        })
        await counted({ total: 1, routes: { '/b': 1 } })
        await seen(tab, 'the numbers, in both', () => window.clients.every(({ stats }) => stats?.routes['/b'] === 1))
        const { id } = await server.command('invalidate-route', { route: '/b' })
        await outcome(id, { held: 1, reloaded: 0 })
        assert.deepEqual(await tab.page.evaluate(() => window.heard), ['/b', '/b'])
        await tab.page.evaluate(() => window.letGo())
        await loaded([[tab, 2]])
        await outcome(id, { reloaded: 1, gone: 0 })
        await areOpen(tab)
        assert.equal(site.queries.length, 2)
        await tab.page.evaluate(() => window.clients[0].close())
        await tab.page.evaluate(() => history.pushState(null, '', '/c'))
        await counted({ total: 1, routes: { '/c': 1 } })
        await tab.page.evaluate(() => window.clients[1].close())
        await counted({ total: 0 })
        assert.deepEqual(tab.errors, [])
      })

      test('one from before that counts for itself; the page is refreshed once, and nothing fails', async () => {
        const tab = await open('alone', files, transport)
        await counted({ total: 2, versions: { v2: 2 }, routes: { '/a': 2 } }, RETURN_WITHIN_MS)
        await server.command('invalidate-route', { route: '/a' })
        await loaded([[tab, 2]])
        await areOpen(tab)
        await counted({ total: 2 }, RETURN_WITHIN_MS)
        await tab.loaded(2)
        assert.deepEqual(tab.errors, [])
        await tab.close()
        await counted({ total: 0 })
      })
    })
  }
}
