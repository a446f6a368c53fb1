// A proxy that rewrites `Host`, and pages whose origin is no site: what the browser proves is believed, and what is refused is said.

import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'

import { newVisitor, Tab } from './browser.mjs'
import { Edge } from './edge.mjs'
import { browser, counted, server, site, startServer } from './stage.mjs'
import { until } from './wait.mjs'

/** Chromium proves nothing in the handshake of a WebSocket, so `auto` goes on to SSE here. */
const TRANSPORTS = ['auto', 'sse']
const KEEPALIVE_MS = 1_000
const LIMITS = ['--limit', `keepalive_ms=${KEEPALIVE_MS}`, '--limit', 'liveness_ms=10000']
const SAID_WITHIN_MS = 20_000

/** Configurations that pass everything on under the name of what is behind. With `proof` taken away, the browser is an older one. */
const EDGES = {
  nginx(port, hasProof) {
    const proof = hasProof ? '' : 'proxy_set_header Sec-Fetch-Site "";'
    const upgrade = 'proxy_http_version 1.1; proxy_buffering off; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;'
    return `  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  server { listen 127.0.0.1:${port};
    location ~ ^/__skew/client { proxy_pass ${site.url}; }
    location /__skew/ { proxy_pass ${server.url}; ${upgrade} ${proof} }
    location / { proxy_pass ${site.url}; }
  }`
  },
  caddy(port, hasProof) {
    const proof = hasProof ? '' : 'header_up -Sec-Fetch-Site'
    return `{\n  admin off\n}\nhttp://localhost:${port} {
    @script path /__skew/client*
    reverse_proxy @script ${new URL(site.url).host}
    reverse_proxy /__skew/* ${new URL(server.url).host} {
      header_up Host {upstream_hostport}
      ${proof}
    }
    reverse_proxy ${new URL(site.url).host}
}`
  },
}

/** @type {Edge | undefined} */
let edge
beforeEach(async () => {
  await restart()
})
afterEach(async () => {
  await edge?.stop()
  edge = undefined
})

for (const name of Object.keys(EDGES)) {
  for (const transport of TRANSPORTS) {
    describe(`behind ${name} with another Host, over ${transport}`, () => {
      test('a tab is counted on the page that it shows, and hears of its refresh', async () => {
        const tab = await stand(name, transport, true)
        // A stream is open: what the tab shows next is told by POST.
        await counted({ routes: { '/a': 1 } })
        await tab.page.click('text=push')
        await counted({ routes: { '/pushed': 1 } })
        await tab.page.evaluate(() => { window.headcount.subscribe() })
        await until('the numbers', () => tab.page.evaluate(() => window.headcount.stats?.total), (total) => total === 1)
        const { id } = await server.command('invalidations', { match: { exact: '/pushed' }, audience: 'all' })
        await until('the page was reloaded', async () => (await server.invalidation(id)).outcomes, ({ reloaded }) => reloaded === 1, SAID_WITHIN_MS)
        // At most the handshakes of `auto`: to begin with, and two beside the open stream.
        const [{ count } = { count: 0 }, ...others] = await refusals()
        assert.ok(count <= tab.handshakes && others.length === 0, `${count} refused, of ${tab.handshakes} handshakes`)
        assert.deepEqual(tab.warnings, [])
      })

      test('what a browser cannot prove is refused, and client, log and board say so once', async () => {
        const tab = await stand(name, transport, false)
        await tab.page.click('text=push')
        const { host } = new URL(server.url)
        await until('the refusal', refusals, (found) => found.some((pair) => pair.origin === edge.url && pair.host === host), SAID_WITHIN_MS)
        await until('the warning', () => tab.warnings.length, (many) => many > 0, SAID_WITHIN_MS)
        const [before] = await refusals()
        // A stream may be open by then, and says nothing by itself any more.
        const goOn = () => tab.page.evaluate(() => { window.headcount.navigated(`/${Date.now()}`) })
        await until('more refusals', () => goOn().then(refusals), ([{ count }]) => count > before.count, SAID_WITHIN_MS)
        const lines = server.output.split('\n').filter((line) => line.includes('a page was refused'))
        assert.equal(lines.length, 1, lines.join('\n'))
        assert.match(lines[0], /proxy_set_header Host.*--allowed-origin/)
        assert.ok(lines[0].includes(`origin="${edge.url}" host="${host}"`), lines[0])
        assert.equal(tab.warnings.length, 1, tab.warnings.join('\n'))
        const board = await openBoard()
        await board.getByText(`Pages of ${edge.url} are refused, because the server is asked for ${host}.`).waitFor()
      })

      test(`a page that is refused and then allowed is counted where it is, without a reload${transport === 'auto' ? ', over WebSocket' : ''}`, async () => {
        const tab = await stand(name, transport, false)
        await tab.page.click('text=push')
        await until('the refusal', refusals, (found) => found.length > 0, SAID_WITHIN_MS)
        await restart('--allowed-origin', edge.url)
        await counted({ total: 1, routes: { '/pushed': 1 } }, SAID_WITHIN_MS)
        await tab.page.evaluate(() => { window.headcount.navigated('/next') })
        await counted({ total: 1, routes: { '/next': 1 } })
        if (transport === 'auto') await until('a WebSocket that opened', () => tab.hasWebSocket, Boolean, SAID_WITHIN_MS)
        await tab.loaded(1)
        assert.deepEqual(await refusals(), [])
      })
    })
  }
}

test('a tab that may use WebSocket alone is refused and listed, and counted once its origin is allowed', async () => {
  const tab = await stand('nginx', 'websocket', true)
  await until('the refusal', refusals, (found) => found.length > 0, SAID_WITHIN_MS)
  await counted({ total: 0 })
  await restart('--allowed-origin', edge.url)
  await counted({ total: 1, routes: { '/a': 1 } }, SAID_WITHIN_MS)
  await tab.loaded(1)
})

for (const transport of ['websocket', 'sse']) {
  describe(`a page with an opaque origin, over ${transport}`, () => {
    test('takes part where it is allowed', async () => {
      await restart('--allowed-origin', 'null')
      const { page } = await framed(transport)
      await counted({ total: 1, routes: { '/a': 1 } }, SAID_WITHIN_MS)
      await page.frames()[1].evaluate(() => { window.headcount.navigated('/b') })
      await counted({ routes: { '/b': 1 } })
      assert.deepEqual(await refusals(), [])
    })

    test('is refused where it is not, and listed', async () => {
      await framed(transport)
      await until('the refusal', refusals, ([pair]) => pair?.origin === 'null' && pair.host === new URL(server.url).host, SAID_WITHIN_MS)
      await counted({ total: 0 })
    })
  })
}

/** Restarts the server at the same address. */
async function restart(...options) {
  const { host } = new URL(server.url)
  await server.stop()
  await startServer(...LIMITS, '--listen', host, ...options)
}

/** A tab at the site behind the proxy. */
async function stand(name, transport, hasProof) {
  site.attributes = `data-transport="${transport}"`
  edge = await Edge.start(name, (port) => EDGES[name](port, hasProof))
  const tab = new Tab(await (await newVisitor(browser)).newPage())
  tab.warnings = []
  tab.handshakes = 0
  tab.hasWebSocket = false
  tab.page.on('websocket', (socket) => {
    tab.handshakes += 1
    socket.on('framereceived', () => { tab.hasWebSocket = true })
  })
  tab.page.on('console', (message) => { if (message.text().startsWith('headcount:')) tab.warnings.push(message.text()) })
  // The tab tries again after a random part of up to half a minute, and here after a tenth of it.
  if (!hasProof || transport === 'websocket') await tab.page.addInitScript(() => { Math.random = () => 0.1 })
  await tab.page.goto(`${edge.url}/a`)
  return tab
}

/** A page in a sandbox, as `file://` pages are: the browser says `null` for its origin. */
async function framed(transport) {
  site.files['/frame.html'] = `<!doctype html><script type="module">
    import { createHeadcount } from '${site.url}/dist/index.js'
    window.headcount = createHeadcount({ base: '${server.url}/__skew', transport: '${transport}', route: '/a', version: 'v2' })
  </script>`
  site.body = '<iframe sandbox="allow-scripts" src="/frame.html"></iframe>'
  site.script = ''
  return Tab.open(await newVisitor(browser), `${site.url}/top`)
}

async function refusals() {
  const answer = await fetch(`${server.url}/api/admin/refusals`, { headers: { authorization: `Bearer ${server.secret}` } })
  return (await answer.json()).refusals
}

async function openBoard() {
  const page = await (await newVisitor(browser)).newPage()
  await page.goto(`${server.url}/headcount/#secret=${server.secret}`)
  return page
}
