// Tabs that a browser copies, brings back and restores: each page that lives is counted once and refreshed once, and none is closed permanently.

import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'

import { needs } from './browser.mjs'
import { KeptBrowser } from './kept.mjs'
import { counted, server, site } from './stage.mjs'
import { until } from './wait.mjs'

const BACK_WITHIN_MS = 20_000

for (const transport of ['websocket', 'sse']) {
  describe(`over ${transport}`, needs('processes'), () => {
    /** @type {KeptBrowser} */
    let kept
    beforeEach(async () => {
      site.attributes = `data-transport="${transport}"`
      kept = await KeptBrowser.start()
    })
    afterEach(() => kept?.stop())

    test('a tab and its duplicate', async () => {
      await twins()
      await areTwo()
    })

    test('a tab and its duplicate, after both are reloaded', async () => {
      await twins()
      for (const page of kept.pages(site.url)) await page.reload()
      await counted({ total: 2 })
      await areTwo()
      assert.equal(new Set(site.queries.map((query) => query.get('tab'))).size, 2)
    })

    test('a tab that was closed and is brought back, beside its duplicate', async () => {
      await twins()
      await kept.pages(site.url).at(-1).close()
      await counted({ total: 1 })
      await kept.reopen()
      await counted({ total: 2 })
      await areTwo()
    })

    test('a tab that is duplicated from a page without a client, and goes back', async () => {
      const tab = await kept.open(`${site.url}/a`)
      await counted({ total: 1 })
      site.script = ''
      await tab.page.goto(`${site.url}/without`)
      await counted({ total: 0 })
      site.script = undefined
      await kept.duplicate(`${site.url}/without`)
      await until('the duplicate', () => kept.pages(site.url).length, (pages) => pages === 2)
      for (const page of kept.pages(site.url)) await page.goBack()
      await counted({ total: 2, routes: { '/a': 2 } }, BACK_WITHIN_MS)
      await areTwo()
    })

    test('all tabs of a browser that ends and brings them back', async () => {
      await twins()
      await kept.restart(site.url, 2)
      await counted({ total: 2, routes: { '/a': 2 } }, BACK_WITHIN_MS)
      await areTwo()
    })

    /** A tab and its duplicate, counted. */
    async function twins() {
      await kept.open(`${site.url}/a`)
      await counted({ total: 1 })
      await kept.duplicate(`${site.url}/a`)
      await counted({ total: 2, routes: { '/a': 2 } })
    }

    /** The server tells the two pages apart, both stay, and a command for both reloads each once. */
    async function areTwo() {
      const pages = kept.pages(site.url)
      assert.equal(pages.length, 2)
      const streams = site.queries.length
      for (const [index, page] of pages.entries()) await page.evaluate((path) => history.pushState(null, '', path), `/${index}`)
      await counted({ total: 2, routes: { '/0': 1, '/1': 1 } })
      for (const page of pages) await page.evaluate(() => { window.isOld = true })
      const { id } = await server.command('invalidations', { match: { prefix: '/' }, audience: 'all' })
      await until('both to be back', () => server.invalidation(id), ({ outcomes }) => outcomes.reloaded === 2 && outcomes.gone === 0, BACK_WITHIN_MS)
      await counted({ total: 2, routes: { '/0': 1, '/1': 1 } })
      for (const page of pages) await until('a new page', () => page.evaluate(() => !window.isOld && window.headcount.state).catch(() => ''), (state) => state === 'open')
      assert.equal(site.queries.length, streams + 2, 'one stream for each new page')
    }
  })
}
