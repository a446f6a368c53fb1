// Nodes that are not heard for a while: one whose process is stopped and goes on, and one whose link to the broker is dead and works again.

import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'

import { Broker } from './broker.mjs'
import { Cluster } from './cluster.mjs'
import { Relay } from './relay.mjs'
import { Visitors } from './visitors.mjs'
import { until } from './wait.mjs'
import { Watcher } from './watcher.mjs'

const LIMITS = ['keepalive_ms=1000', 'liveness_ms=4000', 'spread_ms=0', 'reconnect_spread_ms=1000']
const OPTIONS = ['--authorize', 'anyone', ...LIMITS.flatMap((limit) => ['--limit', limit])]
const EVERYWHERE = { match: { prefix: '/' }, audience: 'all' }
const TABS = 150
/** As the client: two and a quarter keepalives. */
const PATIENCE_MS = 2_250
/** A node counts as lost after three and a half seconds without a word; the rest is for a machine that builds meanwhile. */
const LOST_WITHIN_MS = 5_000
const FROZEN_MS = 10_000
const WHOLE_WITHIN_MS = 3_000

let cluster, visitors, relay
const watchers = []
afterEach(async () => {
  await visitors?.leave()
  await Promise.all(watchers.splice(0).map((watcher) => watcher.stop()))
  await cluster?.stop()
  await relay?.stop()
  relay = undefined
})

/** Tabs that were told one command, and somebody who watches at these nodes. */
async function begin(watched) {
  const [one, two] = cluster.nodes
  await one.command('releases', { version: 'v1' })
  visitors = new Visitors(() => cluster.nodes.map(({ url }) => url), PATIENCE_MS)
  await visitors.come(TABS)
  const { id } = await two.command('invalidations', EVERYWHERE)
  await until('all are told', () => visitors.told(id), (told) => told[1] === TABS)
  watchers.push(...watched.map((node) => new Watcher(node)))
  await until('the watchers have everything', () => watchers, (all) => all.every(({ sent }) => sent.at(-1)?.total === TABS + all.length))
  return id
}

function isWhole({ total, nodes }) {
  return total === TABS + watchers.length && (nodes === undefined || (nodes.answered === 3 && nodes.of === 3))
}

/** Waits until each node has everything, and each tab was told each of these commands once. */
async function wholeAgain(...ids) {
  await cluster.each('everything', async (node) => isWhole(await node.stats()))
  for (const id of ids) await until(`each tab is told command ${id}`, () => visitors.told(id), (told) => !told[0])
  for (const id of ids) assert.deepEqual(visitors.told(id), { 1: TABS })
  const [first, ...others] = await Promise.all(cluster.nodes.map((node) => node.list('invalidations')))
  for (const other of others) assert.deepEqual(other, first)
}

test('a node that was stopped for ten seconds speaks for none of the tabs that have left it', async (t) => {
  cluster = await Cluster.behind(await Broker.start(), ...OPTIONS)
  const [one, two, three] = cluster.nodes
  const first = await begin([one, two])
  const stay = visitors.at(three.url).slice(0, 10)
  for (const visitor of stay) visitor.patience_ms = Infinity
  const frozen_ms = performance.now()
  three.freeze()
  // A proxy that does not know hands it every third request, which waits there.
  await until('the others are without it', () => watchers, (all) => all.every(({ answers }) => answers.at(-1).nodes.answered === 2))
  const lost_ms = Math.max(...watchers.map(({ answers }) => answers.find(({ nodes }) => nodes.answered === 2).at_ms)) - frozen_ms
  assert.ok(lost_ms < LOST_WITHIN_MS, `${lost_ms} ms`)
  const { id: second, nodes } = await one.command('invalidations', EVERYWHERE)
  assert.deepEqual(nodes, { answered: 2, of: 3, missing: ['three'] })
  await until('those that left are elsewhere', () => visitors.at(three.url).length, (left) => left === stay.length)
  await until('they are told', () => visitors.told(second), (told) => told[1] === TABS - stay.length)
  await pause(FROZEN_MS - (performance.now() - frozen_ms))
  const thawed_ms = performance.now()
  const away = TABS - visitors.open
  three.thaw()
  await wholeAgain(first, second)
  // What waited there since it was stopped is old, and takes no tab from where it is now.
  assert.ok(visitors.between(thawed_ms, performance.now()).came <= away, 'nobody had to come back')
  for (const watcher of watchers) {
    const claims = watcher.answers.filter(({ asked_ms, nodes }) => asked_ms > thawed_ms - WHOLE_WITHIN_MS && nodes.answered === nodes.of)
    const least = TABS + watchers.length - away
    assert.ok(claims.length && claims.every(({ total, nodes }) => nodes.of === 3 && total >= least), 'an answer without its tabs is partial')
  }
  for (const watcher of watchers) assert.deepEqual(watcher.wrong(visitors, watchers.length, thawed_ms + 1_000), [])
  const settled_ms = Math.max(...watchers.map((watcher) => watcher.settled(thawed_ms, isWhole)))
  assert.ok(settled_ms < WHOLE_WITHIN_MS, `${settled_ms} ms`)
  assert.ok(stay.every(({ at }) => at === three.url), 'those that stayed are there yet')
  t.diagnostic(`lost after ${Math.round(lost_ms)} ms, exact ${Math.round(settled_ms)} ms after it went on`)
})

test('a node without its link to the broker says so, and is whole again with it', async (t) => {
  const broker = await Broker.start()
  relay = await Relay.start(broker.port)
  cluster = await Cluster.behind(broker, ...OPTIONS)
  await cluster.stopNode(cluster.nodes[2])
  const three = await cluster.add('four', { broker: `nats://127.0.0.1:${relay.port}` })
  await cluster.each('three nodes', async (node) => (await cluster.list(node)).length === 3)
  const [one] = cluster.nodes
  const first = await begin(cluster.nodes)
  const cut_ms = performance.now()
  relay.die()
  // The node that is cut off loses the others one after the other.
  const expected = [
    { answered: 2, of: 3, missing: ['four'] }, { answered: 2, of: 3, missing: ['four'] }, { answered: 1, of: 3, missing: ['one', 'two'] },
  ]
  await until('all are without the others', () => watchers.map(({ answers }) => answers.at(-1).nodes), (nodes) => isDeepStrictEqual(nodes, expected))
  const lost_ms = performance.now() - cut_ms
  assert.ok(lost_ms < LOST_WITHIN_MS, `${lost_ms} ms`)
  await assert.rejects(three.command('invalidations', { match: { exact: '/refused' }, audience: 'all' }), /no tab was told: the broker does not answer/)
  const { id: second } = await one.command('invalidations', EVERYWHERE)
  // Some go to the node that does not know of the second command, and some leave it.
  const moved = visitors.all.filter((_, number) => number % 3 === 0)
  for (const visitor of moved) visitor.giveUp()
  await until('they are back', () => moved, (all) => all.every(({ at }) => at !== undefined))
  const healed_ms = performance.now()
  relay.heal()
  await wholeAgain(first, second)
  const { invalidations } = await three.list('invalidations')
  assert.deepEqual(invalidations.map(({ id }) => id), [second], 'what was refused does not stand')
  const settled_ms = Math.max(...watchers.map((watcher) => watcher.settled(healed_ms, isWhole)))
  assert.ok(settled_ms < WHOLE_WITHIN_MS, `${settled_ms} ms`)
  t.diagnostic(`partial after ${Math.round(lost_ms)} ms, exact ${Math.round(settled_ms)} ms after the return`)
})
