// Nodes of two versions at once. What a later one says is written here by hand, as no such version exists yet.

import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'

import { Broker, Client } from './broker.mjs'
import { Cluster, VARIABLES } from './cluster.mjs'
import { SealedBus, SealedLog } from './seal.mjs'
import { Visitors } from './visitors.mjs'
import { until } from './wait.mjs'

const OPTIONS = ['--authorize', 'anyone', '--limit', 'spread_ms=0']
const EVERYWHERE = { match: { prefix: '/' }, audience: 'all' }
const TABS = 30
const ALL = 'headcount.headcount.bus.all'
const LATER = 'fffffff1'
/** Of the tabs of the later node. */
const COUNTS = { total: 5, versions: [['v9', 5]], routes: [['/later', 5]], moods: [['good', 5]] }
const HEARTBEAT_MS = 300
const [bus, log] = [SealedBus, SealedLog].map((kind) => new kind(VARIABLES.HEADCOUNT_CLUSTER_SECRET, 'headcount'))

let cluster, visitors, client, beats
beforeEach(async () => {
  cluster = await Cluster.behind(await Broker.start(), ...OPTIONS)
  await cluster.nodes[0].command('releases', { version: 'v1' })
  visitors = new Visitors(() => cluster.nodes.map(({ url }) => url))
  await visitors.come(TABS)
  client = await Client.connect(cluster.broker.port)
})
afterEach(async () => {
  clearInterval(beats)
  client.close()
  await visitors.leave()
  await cluster.stop()
})

/** What a node of a later version says, to all or to one node. */
function say(kind, body, node = undefined) {
  const text = JSON.stringify({ revision: 9, from: LATER, kind, body, why: 'a later version' })
  client.publish(node === undefined ? ALL : `headcount.headcount.bus.node.${node}`, bus.seal(text, node))
}

/** Appends an entry to the log. */
async function append(entry) {
  const { state } = JSON.parse(await client.request('$JS.API.STREAM.INFO.HEADCOUNT_headcount', ''))
  const stored = JSON.parse(await client.request('headcount.headcount.log.entry', log.seal(state.last_seq + 1, entry)))
  assert.equal(stored.seq, state.last_seq + 1)
}

/** A node of a later version: it beats, and answers questions about counts. */
function begin() {
  let number = 0
  const beat = () => {
    number += 1
    const said = { number, name: 'later', software: '9.0.0', tabs: 5, read: 1, watches: true, drains: false, last: { incarnation: 1, sequence: 0 }, sentMs: Math.round(performance.now()), mood: 'good' }
    say('heartbeat', said)
  }
  client.subscribe(ALL, (sealed) => {
    const { from, kind, body } = JSON.parse(bus.open(sealed).split('\n')[0])
    if (kind === 'ask') say('answer', { request: body.request, answer: body.question === 'counts' ? { counts: COUNTS } : 'unable' }, from)
  })
  beat()
  beats = setInterval(beat, HEARTBEAT_MS)
}

test('a later version beside this one: what is not known of it is ignored', async () => {
  begin()
  await cluster.each('the later node', async (node) => (await cluster.list(node)).some(({ name }) => name === 'later'))
  const [one, two] = cluster.nodes
  say('telepathy', { to: 'all' })
  say('ask', { request: 7, withinMs: 1_000, question: { weather: {} } })
  say('relay', { request: 8, withinMs: 1_000, connection: [0, 0, 1], errand: { dance: {} } })
  say('moved', { sentMs: 1, tabs: [], by: 'train' })
  client.publish(ALL, bus.seal('no message at all'))
  await cluster.each('what was ignored', async (node) => {
    const metrics = await (await fetch(`${node.url}/metrics`)).text()
    return ['unknown', 'invalid'].every((kind) => metrics.includes(`\nheadcount_cluster_ignored_total{kind="${kind}"} 1\n`))
  })
  const { nodes, versions } = await two.stats()
  assert.deepEqual([nodes, versions], [{ answered: 4, of: 4 }, { v1: TABS, v9: 5 }])
  const { id } = await one.command('invalidations', EVERYWHERE)
  await until('all are told', () => visitors.told(id), (told) => told[1] === TABS)
  say('goodbye', { incarnation: 1 })
  clearInterval(beats)
  await cluster.each('this version alone', async (node) => (await node.stats()).nodes.of === 3)
  assert.deepEqual(visitors.told(id), { 1: TABS })
  assert.equal(visitors.open, TABS)
})

test('a command that only later versions know stops the others at it: they say so, and stay the same', async () => {
  const [one, two, three] = cluster.nodes
  const { id } = await one.command('invalidations', EVERYWHERE)
  await append({ revision: 9, kind: 'pause', id: id + 1 })
  await append({ revision: 9, kind: 'end', ids: [id] })
  for (const node of cluster.nodes) {
    await assert.rejects(node.command('invalidations', EVERYWHERE), /no tab was told: its cluster has commands that this server does not know, so it must be upgraded/)
    await until('it is in the log', () => node.output, (said) => said.includes('an entry that only later versions know'))
  }
  const late = await cluster.add('four')
  for (const node of [one, two, three, late]) {
    const { invalidations } = await node.list('invalidations')
    assert.deepEqual(invalidations.map((rule) => rule.id), [id], 'what stood before it stands')
  }
  await cluster.each('all tabs', async (node) => (await node.stats()).total === TABS)
  assert.equal(visitors.open, TABS)
  assert.deepEqual(visitors.told(id), { 1: TABS })
})
