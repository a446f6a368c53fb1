// Browsers in front of three nodes, without stickiness: a stream at one, its requests at another, the admin at a third.

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, test } from 'node:test'

import { launchBrowser, newVisitor, Tab } from './browser.mjs'
import { Cluster } from './cluster.mjs'
import { Site } from './site.mjs'
import { until } from './wait.mjs'

/** Those of a node that was killed come back after a random part of a few seconds. */
const BACK_WITHIN_MS = 40_000

let browser, cluster, site
before(async () => { browser = await launchBrowser() })
after(() => browser?.close())

beforeEach(async () => {
  cluster = await Cluster.start('--authorize', 'anyone', '--limit', 'reconnect_spread_ms=500', '--limit', 'spread_ms=0')
  await cluster.nodes[0].command('releases', { version: 'v1' })
  await cluster.nodes[1].command('releases', { version: 'v2' })
  site = await Site.start(cluster.url)
})
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()))
  await site?.stop()
  await cluster?.stop()
})

test('eight tabs over three nodes are counted and refreshed as at one, also when a node is killed in the middle', async () => {
  const tabs = []
  for (let number = 0; number < 8; number += 1) {
    site.attributes = `data-transport="${number % 4 < 2 ? 'websocket' : 'sse'}"`
    tabs.push(await Tab.open(await newVisitor(browser), `${site.url}/${number % 2 ? 'odd' : 'even'}`))
  }
  await counted({ '/even': 4, '/odd': 4 })
  for (const { tabs: held, name } of await cluster.list(cluster.nodes[2])) assert.ok(held > 0, `${name} holds none`)

  await tabs[1].page.evaluate(() => { history.pushState(null, '', '/even') })
  await tabs[3].page.evaluate(() => { history.pushState(null, '', '/even') })
  await counted({ '/even': 6, '/odd': 2 })
  await tabs[1].page.evaluate(() => { history.pushState(null, '', '/odd') })
  await tabs[3].page.evaluate(() => { history.pushState(null, '', '/odd') })
  await counted({ '/even': 4, '/odd': 4 })

  const { id, tabs: told, nodes } = await cluster.nodes[2].command('invalidations', { match: { exact: '/odd' }, audience: 'all' })
  assert.deepEqual([told, nodes], [4, { answered: 3, of: 3 }])
  await outcomes(id, { told: 4, reloaded: 4, gone: 0 })
  await Promise.all(tabs.map((tab, number) => tab.loaded(number % 2 ? 2 : 1)))

  await cluster.kill(cluster.nodes[1])
  await counted({ '/even': 4, '/odd': 4 }, BACK_WITHIN_MS)
  const { id: second, tabs: all } = await cluster.nodes[0].command('invalidations', { match: { prefix: '/' }, audience: 'all' })
  assert.equal(all, 8)
  await outcomes(second, { told: 8, reloaded: 8 })
  await Promise.all(tabs.map((tab, number) => tab.loaded(number % 2 ? 3 : 2)))
  await counted({ '/even': 4, '/odd': 4 })
  for (const tab of tabs) assert.deepEqual(tab.errors, [])
})

test('without the broker tabs go on, commands are refused and have no effect, and afterwards all is as before', async () => {
  const tabs = []
  for (let number = 0; number < 3; number += 1) tabs.push(await Tab.open(await newVisitor(browser), `${site.url}/a`))
  await counted({ '/a': 3 })
  await cluster.broker.kill()
  await cluster.each('numbers that are partial', async (node) => {
    const { nodes } = await node.stats()
    return nodes.answered === 1 && nodes.of === 3
  })
  await assert.rejects(cluster.nodes[0].command('invalidations', { match: { prefix: '/' }, audience: 'all' }), /the broker does not answer/)
  await tabs[0].page.evaluate(() => { history.pushState(null, '', '/b') })
  await cluster.broker.run()
  await counted({ '/a': 2, '/b': 1 }, BACK_WITHIN_MS)
  const told = await until('a command that is taken', () => cluster.nodes[0].command('invalidations', { match: { exact: '/b' }, audience: 'all' }).catch(() => undefined), Boolean)
  assert.equal(told.tabs, 1)
  await outcomes(told.id, { told: 1, reloaded: 1 })
  await Promise.all([tabs[0].loaded(2), tabs[1].loaded(1), tabs[2].loaded(1)])
})

test('a node that is stopped is missing nowhere as soon as its process has ended', async () => {
  const tab = await Tab.open(await newVisitor(browser), `${site.url}/a`)
  await counted({ '/a': 1 })
  await cluster.stopNode(cluster.nodes[1])
  for (const node of cluster.nodes) assert.deepEqual((await node.stats()).nodes, { answered: 2, of: 2 })
  await counted({ '/a': 1 }, BACK_WITHIN_MS)
  await tab.loaded(1)
})

function counted(routes, within_ms) {
  const wanted = JSON.stringify(routes)
  return cluster.each(`tabs on ${wanted}`, async (node) => JSON.stringify((await node.stats()).routes) === wanted, within_ms)
}

function outcomes(id, expected) {
  return cluster.each(`outcomes with ${JSON.stringify(expected)}`, async (node) => {
    const { outcomes: found } = await node.invalidation(id)
    return Object.entries(expected).every(([name, value]) => found[name] === value)
  }, BACK_WITHIN_MS)
}
