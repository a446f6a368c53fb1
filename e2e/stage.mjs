// What the tests of the browser client stand on: a browser, a server that knows v1 and v2, and a site in front of it; new for each
// test of a file that imports this.

import assert from 'node:assert/strict'
import { access, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach } from 'node:test'

import { launchBrowser } from './browser.mjs'
import { Server } from './harness.mjs'
import { Site } from './site.mjs'
import { until } from './wait.mjs'

const SECRET = 'the-secret-of-these-tests'
/** A return after a restart waits for a random part of up to a few seconds. */
export const RETURN_WITHIN_MS = 20_000

/** @type {import('playwright-core').Browser} */
export let browser
/** @type {Server} */
export let server
/** @type {Site} */
export let site
let folder
before(async () => {
  await access(new URL('../packages/client/dist/client.js', import.meta.url)).catch(() => {
    throw new Error('the client is not built: npm run build in packages/client')
  })
  browser = await launchBrowser()
})
after(() => browser?.close())

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headcount-e2e-'))
  await startServer()
  await announce('v1', 'v2')
  site = await Site.start(server.url)
})
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()))
  await site?.stop()
  await server?.stop()
  await rm(folder, { recursive: true })
})

/** Starts the server, or another over what the last one kept. @param {string[]} options */
export async function startServer(...options) {
  // Pages without an origin and open numbers are refused together.
  const open = options.includes('null') ? [] : ['--authorize', 'anyone']
  const common = [...open, '--data-dir', folder, '--limit', 'reconnect_spread_ms=500']
  server = await Server.run(['serve', ...common, ...options], { HEADCOUNT_ADMIN_SECRET: SECRET })
}

/** The same site, over HTTP/2. */
export async function moveToHttp2() {
  await site.stop()
  site = await Site.startSecure(server.url)
}

async function announce(...versions) {
  for (const version of versions) await server.command('releases', { version })
}

/**
 * Waits until the stats hold exactly what is named.
 *
 * @param {{ total?: number, visible?: number, versions?: Record<string, number>, routes?: Record<string, number> }} expected
 * @param {number} [within_ms]
 */
export function counted(expected, within_ms) {
  return until(`stats with ${JSON.stringify(expected)}`, () => server.stats(), (stats) =>
    Object.entries(expected).every(([name, value]) => JSON.stringify(sorted(stats[name])) === JSON.stringify(sorted(value))), within_ms)
}

const sorted = (value) => typeof value === 'object' ? Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)) : value

/** Waits until the outcomes of the invalidation of this number hold exactly what is named. */
export function outcome(id, expected, within_ms) {
  return until(`outcomes with ${JSON.stringify(expected)}`, async () => (await server.invalidation(id)).outcomes, (outcomes) =>
    Object.entries(expected).every(([name, value]) => outcomes[name] === value), within_ms)
}

/** Waits for so many more requests for pages. */
export function looks(more, within_ms) {
  const before = site.asked.length
  return until('looks at the page', () => site.asked.length - before, (looked) => looked >= more, within_ms)
}

/** Waits until a page sees that something holds; `holds` runs in the page. */
export function seen(tab, what, holds) {
  return until(`the page to see ${what}`, () => tab.page.evaluate(holds).catch(() => false), Boolean)
}

/** Waits until each tab has loaded that many pages, and fails at once if one loads more. */
export function loaded(expected, within_ms) {
  const wanted = expected.map(([, loads]) => loads)
  return until(`${wanted.join(', ')} page loads`, () => {
    const loads = expected.map(([tab]) => tab.loads)
    loads.forEach((count, index) => assert.ok(count <= wanted[index], `tab ${index} loaded ${count} times instead of ${wanted[index]}`))
    return loads
  }, (loads) => loads.every((count, index) => count === wanted[index]), within_ms)
}
