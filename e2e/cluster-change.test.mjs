// Nodes that come and go as an operator wants it, under load: the numbers of the others are exact all the while.

import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'

import { Broker } from './broker.mjs'
import { Cluster } from './cluster.mjs'
import { Visitors } from './visitors.mjs'
import { until } from './wait.mjs'
import { Watcher } from './watcher.mjs'

const OPTIONS = ['--authorize', 'anyone', '--limit', 'spread_ms=0', '--limit', 'history_seconds=0']
const EVERYWHERE = { match: { prefix: '/' }, audience: 'all' }
const ROUTES = 40
/** A node that drains lets its tabs go over a second, or more where it has many. */
const DRAINED_WITHIN_MS = 9_000
const EXACT_WITHIN_MS = 1_500
/** The binary that a rolling upgrade begins with: an earlier one, if this names it. And how many tabs it has. */
const { OLDER_BIN, TABS = '600' } = process.env

let cluster, visitors
const watchers = []
let walks = []
let isOver
afterEach(async () => {
  isOver = true
  await Promise.all(walks.splice(0))
  await visitors?.leave()
  await Promise.all(watchers.splice(0).map((watcher) => watcher.stop()))
  await cluster?.stop()
})

async function begin(tabs, nodes = cluster.nodes) {
  isOver = false
  await nodes[0].command('releases', { version: 'v1' })
  visitors = new Visitors(() => nodes.map(({ url }) => url))
  await visitors.come(tabs, { route: (number) => `/${number % ROUTES}` })
}

async function watch(...nodes) {
  watchers.push(...nodes.map((node) => new Watcher(node)))
  await until('the watchers have everything', () => watchers, (all) => all.every(({ sent }) => sent.at(-1)?.total === visitors.open + all.length))
}

/** Each of these takes a share of the visitors from page to page, one after the other. How often one did so. */
function walk(count) {
  const done = { navigations: 0 }
  walks = Array.from({ length: count }, async (_, walker) => {
    const mine = visitors.all.filter((__, number) => number % count === walker)
    for (let step = 0; !isOver; step += 1) {
      const visitor = mine[step % mine.length]
      if (visitor.at && await visitor.navigate(`/${Math.floor(Math.random() * ROUTES)}`).catch(() => false)) done.navigations += 1
    }
  })
  return done
}

/** Waits until each node, and each watcher, has exactly the pages that the visitors show. How long that took. */
async function exact() {
  const began_ms = performance.now()
  const truth = watchers.length ? { '/watcher': watchers.length } : {}
  for (const { route } of visitors.all) truth[route] = (truth[route] ?? 0) + 1
  const isTrue = (routes) => Object.keys(routes).length === Object.keys(truth).length && Object.entries(truth).every(([route, count]) => routes[route] === count)
  await cluster.each('exactly those pages', async (node) => isTrue((await node.stats()).routes))
  await until('exactly those pages at the watchers', () => watchers, (all) => all.every(({ sent }) => isTrue(sent.at(-1).routes)))
  return performance.now() - began_ms
}

test('while a node drains, each of its tabs is counted once all the while, and told once', async (t) => {
  cluster = await Cluster.behind(await Broker.start(), ...OPTIONS)
  const [one, two, three] = cluster.nodes
  await begin(300)
  await watch(one, two)
  const done = walk(4)
  const began_ms = performance.now()
  const drained = cluster.stopNode(three)
  await until('the node says that it drains', () => cluster.list(one), (nodes) => nodes.some(({ drains }) => drains))
  const { id } = await one.command('invalidations', EVERYWHERE)
  await drained
  const took_ms = performance.now() - began_ms
  await until('all are told', () => visitors.told(id), (told) => !told[0])
  assert.deepEqual(visitors.told(id), { 1: 300 })
  assert.ok(took_ms < DRAINED_WITHIN_MS, `${took_ms} ms`)
  for (const watcher of watchers) assert.deepEqual(watcher.wrong(visitors, watchers.length, began_ms), [])
  const totals = watchers.flatMap(({ answers, sent }) => [...answers, ...sent]).filter(({ at_ms }) => at_ms > began_ms).map(({ total }) => total - watchers.length)
  const least = Math.min(...totals), most = Math.max(...totals)
  // A hundred leave it, and not at once.
  assert.ok(least > 300 - 75 && most < 300 + 75, `${least} to ${most}`)
  for (const { answers } of watchers) assert.ok(answers.filter(({ at_ms }) => at_ms > began_ms).every(({ nodes }) => nodes.answered === nodes.of), 'no answer is partial')
  isOver = true
  await Promise.all(walks.splice(0))
  await exact()
  t.diagnostic(`drained in ${Math.round(took_ms)} ms with ${done.navigations} navigations, totals from ${least} to ${most} of 300`)
})

test('a node that joins under load has exact numbers', async (t) => {
  cluster = await Cluster.behind(await Broker.start(), ...OPTIONS)
  await begin(400, [...cluster.nodes])
  await watch(cluster.nodes[0])
  const done = walk(12)
  const four = await cluster.add('four')
  const joined_ms = performance.now()
  const before = done.navigations
  const late = new Watcher(four)
  await until('it has all', () => late.sent.at(-1)?.total, (total) => total === 402)
  const whole_ms = performance.now() - joined_ms
  watchers.push(late)
  await until('some more navigations', () => done.navigations - before, (more) => more > 1_000)
  const perSecond = (done.navigations - before) / (performance.now() - joined_ms) * 1_000
  const seen = late.answers.filter(({ nodes }) => nodes.of === 4)
  assert.ok(seen.length > 10 && seen.every(({ total, nodes }) => nodes.answered === 4 && total >= 401 && total <= 402), 'each answer of it is whole')
  isOver = true
  await Promise.all(walks.splice(0))
  const exact_ms = await exact()
  assert.ok(exact_ms < EXACT_WITHIN_MS, `${exact_ms} ms`)
  t.diagnostic(`${Math.round(perSecond)} navigations a second, all tabs ${Math.round(whole_ms)} ms after its start, exact ${Math.round(exact_ms)} ms after the last navigation`)
})

test('all nodes are replaced one after the other, and a command in the middle reaches each tab once', async (t) => {
  cluster = await Cluster.behind(await Broker.start(), ...OPTIONS)
  const older = OLDER_BIN && [OLDER_BIN]
  for (const node of older ? [...cluster.nodes] : []) {
    await cluster.add(`older ${cluster.nodes.length}`, { program: older })
    await cluster.stopNode(node)
  }
  await begin(Number(TABS))
  const began_ms = performance.now()
  let id
  for (const [number, node] of [...cluster.nodes].entries()) {
    const next = await cluster.add(`next ${number}`)
    await until('it knows the others', () => cluster.list(next), (nodes) => nodes.length === 4)
    const drained = cluster.stopNode(node)
    if (number === 1) ({ id } = await cluster.nodes[0].command('invalidations', EVERYWHERE))
    await drained
  }
  const took_ms = performance.now() - began_ms
  await until('all are told', () => visitors.told(id), (told) => !told[0])
  await exact()
  assert.deepEqual(visitors.told(id), { 1: Number(TABS) })
  t.diagnostic(`${TABS} tabs, three nodes replaced in ${Math.round(took_ms)} ms`)
})
