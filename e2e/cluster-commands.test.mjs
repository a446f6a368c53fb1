// Commands while a node dies that takes them, and while the broker dies that leads their log: what was acknowledged stands everywhere under one
// number, and what was refused nowhere.

import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'

import { Broker, Trio, VERSIONS } from './broker.mjs'
import { Cluster } from './cluster.mjs'
import { Visitors } from './visitors.mjs'
import { until } from './wait.mjs'

const OPTIONS = ['--authorize', 'anyone', '--limit', 'reconnect_spread_ms=500', '--limit', 'releases_max=10000']
const TABS = 60
/** At a node that dies. */
const UNDER_WAY = 16
const BRIEFLY_MS = 1_000
/** Without a leader, a command waits for five seconds at most. */
const ANSWERED_WITHIN_MS = 10_000

let cluster, visitors
afterEach(async () => {
  await visitors?.leave()
  await cluster?.stop()
})

/** @typedef {{ version: string, id?: number, error?: string, at_ms: number, took_ms: number }} Given */

/** Gives one command after the other, until it shall stop. */
class Giver {
  static #next = 1
  /** @type {Given[]} */
  given = []
  #ends = false
  #giving

  constructor(node) {
    this.#giving = this.#give(node)
  }

  async #give(node) {
    while (!this.#ends) {
      const version = `r${Giver.#next++}`, at_ms = performance.now()
      const outcome = await node.command('releases', { version }).then(({ id }) => ({ id }), (error) => ({ error: String(error.cause ?? error) }))
      this.given.push({ version, ...outcome, at_ms, took_ms: performance.now() - at_ms })
      if (outcome.error) await pause(20)
    }
  }

  async stop() {
    this.#ends = true
    await this.#giving
    return this.given
  }
}

async function begin() {
  const [one] = cluster.nodes
  await until('commands are taken', () => one.command('releases', { version: 'v1' }).catch(() => undefined), Boolean)
  visitors = new Visitors(() => cluster.nodes.map(({ url }) => url))
  await visitors.come(TABS)
}

/** Holds what stands to what was said of it. @param {Given[]} given */
async function hold(given) {
  const lists = await Promise.all(cluster.nodes.map(async (node) => (await node.list('releases')).releases))
  for (const list of lists) assert.deepEqual(list, lists[0])
  const ids = lists[0].map(({ id }) => id).sort((a, b) => a - b)
  assert.deepEqual(ids, ids.map((_, index) => index + 1), 'numbers without gaps')
  const stands = new Map(lists[0].map(({ version, id }) => [version, id]))
  assert.equal(stands.size, lists[0].length, 'each once')
  const acknowledged = given.filter(({ id }) => id !== undefined), refused = given.filter(({ error }) => /no tab was told/.test(error))
  for (const { version, id } of acknowledged) assert.equal(stands.get(version), id, `${version} was acknowledged`)
  for (const { version, error } of refused) assert.equal(stands.get(version), undefined, `${version}: ${error}`)
  return { acknowledged, refused, unknown: given.length - acknowledged.length - refused.length, late: given.filter(({ id, version }) => id === undefined && stands.has(version)).length }
}

test('of the commands at a node that is killed, each stands once or not at all', async (t) => {
  cluster = await Cluster.behind(await Broker.start(), ...OPTIONS)
  await begin()
  const [one, two, three] = cluster.nodes
  const givers = [one, two, ...Array.from({ length: UNDER_WAY }, () => three)].map((node) => new Giver(node))
  await until('commands are under way', () => givers, (all) => all.every(({ given }) => given.length > 1))
  await cluster.kill(three)
  const killed_ms = performance.now()
  const others = givers.slice(0, 2)
  await until('the others take commands', () => others, (all) => all.every(({ given }) => given.some(({ id, at_ms }) => id && at_ms > killed_ms)))
  const given = (await Promise.all(givers.map((giver) => giver.stop()))).flat()
  const { acknowledged, unknown, late } = await hold(given.filter(({ error }) => !/ECONNREFUSED/.test(error)))
  assert.ok(unknown > 0 && unknown <= UNDER_WAY, `${unknown} were under way`)
  await until('all tabs are back', () => visitors.open, (open) => open === TABS)
  t.diagnostic(`${acknowledged.length} acknowledged, ${unknown} without an answer, of which ${late} stand`)
})

for (const [version, program] of Object.entries(VERSIONS)) {
  test(`the broker that leads the log is killed, of three: ${version}`, async (t) => {
    const trio = await Trio.start(program)
    cluster = await Cluster.behind(trio, ...OPTIONS, '--cluster-replicas', '3')
    await begin()
    const leader = await trio.leader()
    const changes = visitors.history.length
    const givers = cluster.nodes.map((node) => new Giver(node))
    await until('commands are taken', () => givers, (all) => all.every(({ given }) => given.length > 3))
    const killed_ms = performance.now()
    await leader.kill()
    const isTaken = (all) => all.every(({ given }) => given.some(({ id, at_ms }) => id && at_ms > killed_ms))
    await until('commands are taken by two brokers', () => givers, isTaken)
    const taken_ms = performance.now() - killed_ms
    await leader.run()
    await pause(BRIEFLY_MS)
    const given = (await Promise.all(givers.map((giver) => giver.stop()))).flat()
    const { acknowledged, refused, unknown } = await hold(given)
    for (const { error } of given) assert.ok(!error || /no tab was told|may be stored/.test(error), error)
    const longest_ms = Math.max(...given.map(({ took_ms }) => took_ms))
    assert.ok(longest_ms < ANSWERED_WITHIN_MS, `${longest_ms} ms`)
    assert.deepEqual([visitors.open, visitors.history.length], [TABS, changes], 'no tab has noticed')
    t.diagnostic(`${acknowledged.length} acknowledged, ${refused.length} refused, ${unknown} unknown; all nodes take commands ${Math.round(taken_ms)} ms after the death`)
  })
}
