// What the README promises a newcomer, in a real browser: start one binary, open tabs, watch the counts move, and reload
// the tabs on /checkout with one curl.
//
// The counts are asserted exactly, so these demos run without simulated visitors; the last test is about those. That a
// tab was *not* reloaded is shown without waiting for nothing to happen: messages reach a tab in order, so once a later
// command has arrived, an earlier one would have.

import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'

import { launchBrowser, newVisitor, openOldTab, Tab } from './browser.mjs'
import { Demo } from './harness.mjs'
import { until } from './wait.mjs'

const CLOSE_PROMISED_MS = 500
const VISITORS = 20

/** @type {import('playwright-core').Browser} */
let browser
before(async () => { browser = await launchBrowser() })
after(() => browser?.close())

describe('a demo without simulated visitors', () => {
  /** @type {Demo} */
  let demo
  beforeEach(async () => { demo = await Demo.start({ visitors: 0 }) })
  afterEach(async () => {
    await closeEverything()
    await demo.stop()
  })

  test('counts follow tabs as they open, navigate and close', async () => {
    const ada = await newVisitor(browser)
    const grace = await newVisitor(browser)
    const first = await Tab.open(ada, `${demo.url}/`)
    await counted(demo, { '/': 1 })
    const second = await Tab.open(ada, `${demo.url}/products`)
    await Tab.open(grace, `${demo.url}/products`)
    await counted(demo, { '/': 1, '/products': 2 })

    await second.follow('/products/1')
    await counted(demo, { '/': 1, '/products': 1, '/products/1': 1 })
    await first.follow('/about')
    await counted(demo, { '/about': 1, '/products': 1, '/products/1': 1 })

    await first.close()
    await counted(demo, { '/products': 1, '/products/1': 1 })
  })

  test('pushState moves a tab to its new route without loading a page', async () => {
    const tab = await Tab.open(await newVisitor(browser), `${demo.url}/gallery`)
    await counted(demo, { '/gallery': 1 })
    const button = tab.page.locator('[data-push]').last()
    await button.click()
    const route = await tab.page.evaluate(() => location.pathname)
    assert.notEqual(route, '/gallery', 'the button went somewhere')
    await counted(demo, { [route]: 1 })

    await tab.page.goBack()
    await counted(demo, { '/gallery': 1 })
    await tab.loaded(1)
  })

  test('tabs are counted by the build they run', async () => {
    await openOldTab(await newVisitor(browser), `${demo.url}/about`, 'v1')
    await Tab.open(await newVisitor(browser), `${demo.url}/about`)
    const { versions } = await counted(demo, { '/about': 2 })
    assert.equal(versions.v1, 1)
    assert.equal(Object.keys(versions).length, 2, `the old build and the current one: ${JSON.stringify(versions)}`)
  })

  test(`a closed tab leaves the counts within ${CLOSE_PROMISED_MS} ms`, async (context) => {
    const visitor = await newVisitor(browser)
    await Tab.open(visitor, `${demo.url}/`)
    const tab = await Tab.open(visitor, `${demo.url}/about`)
    await counted(demo, { '/': 1, '/about': 1 })

    await tab.close()
    const closed = performance.now()
    await counted(demo, { '/': 1 })
    const took_ms = performance.now() - closed
    context.diagnostic(`left the counts ${took_ms.toFixed(0)} ms after the tab was gone`)
    assert.ok(took_ms < CLOSE_PROMISED_MS, `took ${took_ms.toFixed(0)} ms`)
  })

  test('one curl reloads exactly the tabs on /checkout and below, once', async () => {
    const pay = await Tab.open(await newVisitor(browser), `${demo.url}/checkout/pay`)
    const visitor = await newVisitor(browser)
    const checkout = await Tab.open(visitor, `${demo.url}/checkout`)
    const products = await Tab.open(visitor, `${demo.url}/products/2`)
    const about = await Tab.open(visitor, `${demo.url}/about`)
    const old = await openOldTab(await newVisitor(browser), `${demo.url}/checkout`, 'v1')
    const everyone = { '/checkout': 2, '/checkout/pay': 1, '/products/2': 1, '/about': 1 }
    assert.equal((await counted(demo, everyone)).versions.v1, 1)

    const answer = await demo.invalidateRoute('/checkout')
    assert.equal(answer.ok, true)
    assert.equal(answer.route, '/checkout')
    await loaded([[checkout, 2], [pay, 2], [old, 2], [products, 1], [about, 1]])
    const { versions } = await counted(demo, everyone)
    assert.equal(versions.v1, undefined, 'the old tab came back on the current build')

    // Now for the others, and then for all: what an earlier command sent to a tab arrives before a later one.
    await demo.invalidateRoute('/about')
    await loaded([[checkout, 2], [pay, 2], [old, 2], [products, 1], [about, 2]])
    await counted(demo, everyone)
    await demo.invalidateRoute('/')
    await loaded([[checkout, 3], [pay, 3], [old, 3], [products, 2], [about, 3]])
    await counted(demo, everyone)
    await loaded([[checkout, 3], [pay, 3], [old, 3], [products, 2], [about, 3]])
    assert.deepEqual([pay, checkout, products, about, old].flatMap((tab) => tab.errors), [])
  })

  test('the link that it prints opens the board, which shows the counts as they move', async () => {
    const live = await Tab.open(await newVisitor(browser), demo.board)
    await until('an address without the secret', () => live.page.url(), (url) => url === `${demo.url}/headcount/`)
    const tab = await Tab.open(await newVisitor(browser), `${demo.url}/products/3`)
    await shows(live, 'the route of the tab that opened', (text) => text.includes('/products/3'))
    await tab.page.goto(`${demo.url}/checkout/pay`)
    await shows(live, 'the route it went to', (text) => text.includes('/checkout/pay') && !text.includes('/products/3'))
    await tab.close()
    await shows(live, 'that it left', (text) => !text.includes('/checkout/pay'))
    assert.deepEqual(live.errors, [])
  })
})

test('simulated visitors are counted beside real tabs, and the server ends well under them', async () => {
  const demo = await Demo.start({ visitors: VISITORS })
  try {
    const tab = await Tab.open(await newVisitor(browser), demo.board)
    await until('visitors on several pages', () => demo.stats(), ({ total, routes }) =>
      total > VISITORS / 2 && Object.keys(routes).length > 2, 15_000)
    await shows(tab, 'pages that visitors are on', (text) => /\/(products|checkout|about)/.test(text))
  } finally {
    await demo.stop()
    await closeEverything()
  }
})

test('three nodes count the visitors together, and the board shows all three', async () => {
  const demo = await Demo.start({ visitors: VISITORS, nodes: 3 })
  try {
    const tab = await Tab.open(await newVisitor(browser), demo.board)
    const rows = tab.page.locator('#nodes li')
    const held = () => rows.locator('.number').allInnerTexts()
    await until('each node with some of the tabs', held, (texts) => texts.length === 3 && texts.every((text) => parseInt(text, 10) > 0), 15_000)
    assert.deepEqual(await rows.locator('.version').allInnerTexts(), ['node-1', 'node-2', 'node-3'])
    assert.deepEqual(await rows.locator('.tags').allInnerTexts(), ['here', '', ''])
    await until('a total that is that of the nodes', async () => [await demo.stats(), await held()], ([{ total, nodes }, texts]) =>
      nodes.answered === 3 && total === texts.reduce((sum, text) => sum + parseInt(text, 10), 0), 15_000)
    assert.deepEqual(tab.errors, [])
  } finally {
    await closeEverything()
    await demo.stop()
  }
})

test('a demo that is killed leaves neither its broker nor the folder of that', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'headcount-killed-'))
  try {
    const demo = await Demo.start({ visitors: 0, nodes: 2 }, { TMPDIR: folder })
    const [home] = await readdir(folder)
    const ports = (await readdir(join(folder, home))).find((name) => name.endsWith('.ports'))
    const broker = Number(/_(\d+)\.ports$/.exec(ports)[1])
    process.kill(broker, 0)
    await demo.kill()
    await until('the end of the broker', () => runs(broker), (is) => !is)
    await until('an empty folder', () => readdir(folder), (names) => names.length === 0)
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('a server alone has no nodes on its board', async () => {
  const demo = await Demo.start({ visitors: 0 })
  try {
    const tab = await Tab.open(await newVisitor(browser), demo.board)
    await shows(tab, 'its rules', (text) => text.includes('No rule stands'))
    assert.equal(await tab.page.locator('#nodes, a[href="#nodes"]').count(), 0)
    assert.deepEqual(tab.errors, [])
  } finally {
    await closeEverything()
    await demo.stop()
  }
})

/** Whether there is a process with this id. */
function runs(pid) {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Every tab belongs to a context, so this closes them all. */
function closeEverything() {
  return Promise.all(browser.contexts().map((context) => context.close()))
}

/**
 * Waits until the tabs are on exactly these routes, and returns those stats. Totals must agree in every answer on the way.
 *
 * @param {Demo} demo
 * @param {Record<string, number>} routes
 */
function counted(demo, routes) {
  const wanted = JSON.stringify(sorted(routes))
  return until(`tabs on ${wanted}`, async () => {
    const stats = await demo.stats()
    assert.equal(sum(stats.routes), stats.total, 'the routes add up to the total')
    assert.equal(sum(stats.versions), stats.total, 'the versions add up to the total')
    return stats
  }, (stats) => JSON.stringify(sorted(stats.routes)) === wanted)
}

/**
 * Waits until each tab has loaded that many pages; one that loads more fails at once.
 *
 * @param {[Tab, number][]} expected
 */
function loaded(expected) {
  const wanted = expected.map(([, loads]) => loads)
  return until(`${wanted.join(', ')} page loads`, () => {
    const loads = expected.map(([tab]) => tab.loads)
    loads.forEach((count, index) => {
      assert.ok(count <= wanted[index], `${expected[index][0].page.url()} loaded ${count} times instead of ${wanted[index]}`)
    })
    return loads
  }, (loads) => loads.every((count, index) => count === wanted[index]))
}

/**
 * @param {Tab} tab
 * @param {string} what
 * @param {(text: string) => boolean} holds
 */
function shows(tab, what, holds) {
  return until(`the page to show ${what}`, () => tab.page.locator('body').innerText(), holds)
}

/** @param {Record<string, number>} counts */
const sum = (counts) => Object.values(counts).reduce((total, count) => total + count, 0)

/** @param {Record<string, number>} counts */
const sorted = (counts) => Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1))
