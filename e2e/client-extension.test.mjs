// A page of an extension, whose origin has another scheme, as pages of shell apps do: it takes part where its origin is allowed. Where it is not, it
// is refused, and the refusal is reported.

import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'

import { needs } from './browser.mjs'
import { clientPage, KeptBrowser } from './kept.mjs'
import { counted, loaded, server, startServer } from './stage.mjs'
import { until } from './wait.mjs'

const SAID_WITHIN_MS = 20_000
const LIMITS = ['--limit', 'keepalive_ms=1000', '--limit', 'liveness_ms=10000']

for (const transport of ['websocket', 'sse']) {
  describe(`over ${transport}`, needs('processes'), () => {
    /** @type {KeptBrowser} */
    let kept
    afterEach(() => kept?.stop())

    test('a page of an allowed extension is counted, goes its way, and is refreshed', async () => {
      const { origin, address } = await start()
      await restart(address, '--allowed-origin', origin)
      const tab = await kept.open(`${origin}/page.html`)
      await counted({ total: 1, routes: { '/page.html': 1 } })
      await tab.page.evaluate(() => history.pushState(null, '', '/page.html?next'))
      await tab.page.evaluate(() => window.headcount.navigated('/next'))
      await counted({ total: 1, routes: { '/next': 1 } })
      const { id } = await server.command('invalidations', { match: { exact: '/next' }, audience: 'all' })
      await loaded([[tab, 2]], SAID_WITHIN_MS)
      await until('it to be back', () => server.invalidation(id), ({ outcomes }) => outcomes.reloaded === 1 && outcomes.gone === 0)
      await counted({ total: 1 })
      assert.deepEqual([await refusals(), tab.errors], [[], []])
    })

    test('a page of another extension is refused, listed, and logged once', async () => {
      const { origin, address } = await start()
      await restart(address)
      await kept.open(`${origin}/page.html`)
      await until('the refusal', refusals, ([pair]) => pair?.origin === origin && pair.host === address && pair.count > 1, SAID_WITHIN_MS)
      await counted({ total: 0 })
      const lines = server.output.split('\n').filter((line) => line.includes('a page was refused'))
      assert.equal(lines.length, 1, lines.join('\n'))
      assert.match(lines[0], /--allowed-origin/)
    })

    /** The browser, its extension's origin and the address of the server. */
    async function start() {
      const { host } = new URL(server.url)
      kept = await KeptBrowser.start(clientPage({ 'data-base': `${server.url}/__skew`, 'data-transport': transport }))
      return { origin: await kept.origin(), address: host }
    }
  })
}

/** Restarts the server at the same address. */
async function restart(address, ...options) {
  await server.stop()
  await startServer(...LIMITS, '--listen', address, ...options)
}

async function refusals() {
  const answer = await fetch(`${server.url}/api/admin/refusals`, { headers: { authorization: `Bearer ${server.secret}` } })
  return (await answer.json()).refusals
}
