// A link that dies between a browser and a proxy, where neither end is told: the server counts right, the tab knows, and both are well again
// when the link is. And tabs that must not be lost to that: behind proxies that take no POST, and while they are frozen.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterEach, beforeEach, describe, test } from 'node:test'

import { needs, newVisitor, Tab } from './browser.mjs'
import { Edge } from './edge.mjs'
import { Relay } from './relay.mjs'
import { snippetsIn } from './snippets.mjs'
import { RETURN_WITHIN_MS, browser, counted, loaded, seen, server, site, startServer } from './stage.mjs'
import { until } from './wait.mjs'

const KEEPALIVE_MS = 1_000
const LIVENESS_MS = 4_000
const LIMITS = ['--limit', `keepalive_ms=${KEEPALIVE_MS}`, '--limit', `liveness_ms=${LIVENESS_MS}`]
/** What a busy machine may add. */
const GRACE_MS = 1_500
/** Keepalives after which a tab that gives no sign of life would be gone. */
const MANY = 6
const TRANSPORTS = ['websocket', 'sse']

/** @type {Edge | undefined} */
let edge
/** @type {Relay | undefined} */
let relay
beforeEach(async () => {
  await server.stop()
  await startServer(...LIMITS)
  site.upstream = server.url
})
afterEach(async () => {
  await relay?.stop()
  await edge?.stop()
  edge = relay = undefined
})

/** The rules of the guides before headcount, the site behind them. */
const EDGES = {
  // `blocked` is what a POST gets, by the name of a host.
  nginx(rule, port, blocked) {
    const [map, location] = rule.split(/\n\n/)
    const hosts = Object.entries({ localhost: '', ...blocked }).map(([name, post]) => `
  server { listen 127.0.0.1:${port}; server_name ${name};
    ${post && `location = /__skew/message { ${post} }`}
    ${location.replace('127.0.0.1:4477', new URL(server.url).host)}
    location ~ ^/__skew/client { proxy_pass ${site.url}; }
    location / { proxy_pass ${site.url}; }
  }`)
    return `  ${map}\n${hosts.join('')}`
  },
  caddy: (rule, port) => `{\n  admin off\n}\n${rule.replace('example.com', `http://localhost:${port}`)
    .replace('reverse_proxy', `@script path /__skew/client*\n    reverse_proxy @script ${new URL(site.url).host}\n    reverse_proxy`)
    .replace('127.0.0.1:4477', new URL(server.url).host).replace('127.0.0.1:3000', new URL(site.url).host)}`,
}

/** A proxy before the server and the site, and the link before it. */
async function stand(name = 'nginx', blocked = {}) {
  const [{ text: rule }] = await snippetsIn(`docs/guides/${name}.md`, name)
  edge = await Edge.start(name, (port) => EDGES[name](rule, port, blocked))
  relay = await Relay.start(edge.port)
}

/** A tab that notes what it hears. */
async function open(transport, { origin = `http://localhost:${relay.port}`, attributes = '' } = {}) {
  site.attributes = `data-transport="${transport}" ${attributes}`
  const tab = new Tab(await (await newVisitor(browser)).newPage())
  tab.warnings = []
  tab.page.on('console', (message) => { if (message.type() === 'warning') tab.warnings.push(message.text()) })
  await tab.page.addInitScript(() => {
    window.heard = []
    addEventListener('DOMContentLoaded', () => window.headcount.on('message', ({ type }) => window.heard.push(type)))
  })
  await tab.page.goto(`${origin}/a`)
  await keepalives(tab, 1)
  return tab
}

/** Waits until that many keepalives came on one stream. */
function keepalives(tab, many, within_ms = 30_000) {
  const sinceConnected = () => tab.page.evaluate(() => window.heard.length - 1 - window.heard.lastIndexOf('connected'))
  return until(`${many} keepalives`, sinceConnected, (heard) => heard >= many, within_ms)
}

const streams = (tab) => tab.page.evaluate(() => window.heard.filter((type) => type === 'connected').length)

for (const transport of TRANSPORTS) {
  describe(`over ${transport}`, () => {
    for (const name of Object.keys(EDGES)) {
      test(`a tab whose link to ${name} dies leaves the counts and knows it, and is back when the link is`, () => diesAndHeals(name))
    }

    async function diesAndHeals(name) {
      await stand(name)
      const tab = await open(transport)
      await counted({ total: 1 })
      relay.die()
      const knows = until('the tab to know', () => tab.page.evaluate(() => window.headcount.state), (state) => state !== 'open', LIVENESS_MS + GRACE_MS)
      await Promise.all([counted({ total: 0 }, LIVENESS_MS + GRACE_MS), knows])
      relay.heal()
      await counted({ total: 1, routes: { '/a': 1 } }, RETURN_WITHIN_MS)
      await seen(tab, 'that it is open', () => window.headcount.state === 'open')
    }

    test('a tab whose link is well stays on one stream', async () => {
      await stand()
      const tab = await open(transport)
      await keepalives(tab, MANY)
      await counted({ total: 1 })
      assert.equal(await streams(tab), 1)
      assert.deepEqual(tab.warnings, [])
    })
  })
}

test('a tab over SSE gives signs of life to a server on another origin', async () => {
  await server.stop()
  await startServer(...LIMITS, '--allowed-origin', site.url)
  const tab = await open('sse', { origin: site.url, attributes: `data-base="${server.url}/__skew"` })
  await keepalives(tab, MANY)
  assert.equal(await streams(tab), 1)
  const posts = await tab.page.evaluate(() => performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('/__skew/message')).length)
  assert.ok(posts >= MANY - 1, `${posts} signs`)
})

test('where a proxy lets no POST through, a tab over SSE is counted all the same, and says so once', async () => {
  const silent = createServer((socket) => socket.on('error', () => {}))
  await once(silent.listen(0, '127.0.0.1'), 'listening')
  const blocked = {
    'refused.localhost': 'return 403;',
    'forbidden.localhost': 'return 405;',
    'failing.localhost': 'return 502;',
    'another-server.localhost': 'default_type application/json; return 200 \'{"ok":false}\';',
    'silent.localhost': `proxy_pass http://127.0.0.1:${silent.address().port};`,
  }
  try {
    await stand('nginx', blocked)
    const names = Object.keys(blocked)
    const tabs = await Promise.all(names.map((name) => open('sse', { origin: `http://${name}:${relay.port}` })))
    await Promise.all(tabs.map((tab) => keepalives(tab, MANY)))
    await counted({ total: names.length })
    for (const [index, tab] of tabs.entries()) {
      const [opened, said] = [await streams(tab), tab.warnings.filter((text) => text.startsWith('headcount:'))]
      assert.ok(opened > 1 && opened <= 3, `${names[index]}: ${opened} streams`)
      assert.equal(said.length, 1, `${names[index]}: ${said.join('\n')}`)
    }
  } finally {
    silent.close()
  }
})

// Headless Chromium shows every page, and freezes none that is shown, not even by Page.setWebLifecycleState. So the system stops the processes of its pages, and its network goes on.
describe('a page that was frozen', needs('processes'), () => {
  afterEach(() => signal('SIGCONT'))

  test('keeps its WebSocket', async () => {
    await stand()
    const tab = await open('websocket')
    await signal('SIGSTOP')
    const before = await sent()
    await until('keepalives that the page does not see', sent, (now) => now >= before + MANY, 30_000)
    await counted({ total: 1 })
    await signal('SIGCONT')
    await keepalives(tab, 2 * MANY)
    assert.equal(await streams(tab), 1)
  })

  test('leaves the counts over SSE, and is back when it goes on', async () => {
    await stand()
    const tab = await open('sse')
    await signal('SIGSTOP')
    await counted({ total: 0 }, LIVENESS_MS + GRACE_MS)
    await signal('SIGCONT')
    await counted({ total: 1, routes: { '/a': 1 } }, RETURN_WITHIN_MS)
    await keepalives(tab, MANY)
    assert.deepEqual(tab.warnings, [])
  })

  for (const transport of TRANSPORTS) {
    for (const [when, isLate] of [['before the server misses it', false], ['when it was frozen for long', true]]) {
      test(`is refreshed once by what was commanded ${when}, over ${transport}`, async () => {
        await stand()
        const tab = await open(transport)
        await signal('SIGSTOP')
        const before = await sent()
        if (isLate && transport === 'sse') await counted({ total: 0 }, LIVENESS_MS + GRACE_MS)
        if (isLate && transport === 'websocket') await until('keepalives that the page does not see', sent, (now) => now >= before + MANY, 30_000)
        const { id } = await server.command('invalidate-route', { route: '/a' })
        if (!isLate && transport === 'sse') await counted({ total: 0 }, LIVENESS_MS + GRACE_MS)
        await tab.loaded(1)
        await signal('SIGCONT')
        await loaded([[tab, 2]], RETURN_WITHIN_MS)
        await counted({ total: 1, routes: { '/a': 1 } }, RETURN_WITHIN_MS)
        await keepalives(tab, MANY)
        const { reloaded, gone } = (await server.invalidation(id)).outcomes
        await tab.loaded(2)
        assert.deepEqual([reloaded, gone, tab.warnings], [1, 0, []])
      })
    }
  }

  async function signal(name) {
    const tools = await browser.newBrowserCDPSession()
    const { processInfo } = await tools.send('SystemInfo.getProcessInfo')
    for (const { id, type } of processInfo) if (type === 'renderer') process.kill(id, name)
    await tools.detach()
  }

  const sent = () => fetch(new URL('/metrics', server.url)).then((answer) => answer.text())
    .then((text) => Number(/^headcount_sent_total\{kind="keepalive"\} (\d+)/m.exec(text)?.[1]))
})
