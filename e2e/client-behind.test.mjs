// What can be wrong behind the proxy that a tab is connected to: its link to the server dies, or it takes no POST for a while.

import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'

import { newVisitor, Tab } from './browser.mjs'
import { Edge } from './edge.mjs'
import { Relay } from './relay.mjs'
import { snippetsIn } from './snippets.mjs'
import { RETURN_WITHIN_MS, browser, counted, seen, server, site, startServer } from './stage.mjs'
import { until } from './wait.mjs'

const LIVENESS_MS = 4_000
const LIMITS = ['--limit', 'keepalive_ms=1000', '--limit', `liveness_ms=${LIVENESS_MS}`]
/** What a busy machine may add. */
const GRACE_MS = 1_500

/** The rules of the guides, the site and the client's files behind them. */
const EDGES = {
  nginx(rule, port, headcount) {
    const [map, location] = rule.split(/\n\n/)
    return `  ${map}
  server { listen 127.0.0.1:${port};
    ${location.replace('127.0.0.1:4477', headcount)}
    location ~ ^/__skew/client { proxy_pass ${site.url}; }
    location / { proxy_pass ${site.url}; }
  }`
  },
  caddy: (rule, port, headcount) => `{\n  admin off\n}\n${rule.replace('example.com', `http://localhost:${port}`)
    .replace('reverse_proxy', `@script path /__skew/client*\n    reverse_proxy @script ${new URL(site.url).host}\n    reverse_proxy`)
    .replace('127.0.0.1:4477', headcount).replace('127.0.0.1:3000', new URL(site.url).host)}`,
}

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

for (const transport of ['websocket', 'sse']) {
  for (const [name, configuration] of Object.entries(EDGES)) {
    test(`a tab leaves the counts and knows it when the link behind ${name} dies, and is back when the link is, over ${transport}`, async () => {
      const [{ text: rule }] = await snippetsIn(`docs/guides/${name}.md`, name)
      relay = await Relay.start(Number(new URL(server.url).port))
      edge = await Edge.start(name, (port) => configuration(rule, port, `127.0.0.1:${relay.port}`))
      const tab = await open(edge.url, transport)
      relay.die()
      const knows = until('the tab to know', () => tab.page.evaluate(() => window.headcount.state), (state) => state !== 'open', LIVENESS_MS + GRACE_MS)
      await Promise.all([counted({ total: 0 }, LIVENESS_MS + GRACE_MS), knows])
      relay.heal()
      await counted({ total: 1, routes: { '/a': 1 } }, RETURN_WITHIN_MS)
      await seen(tab, 'that it is open', () => window.headcount.state === 'open')
    })
  }
}

describe('over SSE, a proxy that takes no POST for a while', () => {
  for (const status of [403, 502]) {
    test(`and answers ${status} loses no navigation`, async () => {
      const tab = await open(site.url, 'sse')
      site.refusesPosts = status
      // Without signs of life the stream is opened once more, which tells the page of that moment.
      await until('a stream that promises no signs', () => site.queries.at(-1).has('alive'), (promises) => !promises, RETURN_WITHIN_MS)
      await counted({ total: 1, routes: { '/a': 1 } })
      const streams = site.opened.sse
      const before = site.refused
      await tab.page.evaluate(() => { history.pushState(null, '', '/b') })
      await until('a POST that is refused, and said again', () => site.refused - before, (refused) => refused > 1, RETURN_WITHIN_MS)
      assert.deepEqual((await server.stats()).routes, { '/a': 1 })
      site.refusesPosts = 0
      await counted({ total: 1, routes: { '/b': 1 } })
      assert.equal(site.opened.sse, streams)
    })
  }
})

/** A counted tab. */
async function open(origin, transport) {
  site.attributes = `data-transport="${transport}"`
  const tab = await Tab.open(await newVisitor(browser), `${origin}/a`)
  await counted({ total: 1 })
  return tab
}
