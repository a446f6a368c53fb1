// The examples of nuxt-skew-protection in a real Nuxt app, in a real browser, with the real server, wherever these run.
//
// examples/nuxt has the code of nuxt-skew-protection's examples, unchanged; these tests use nothing else of the app.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { promisify } from 'node:util'

import { launchBrowser, newVisitor, Tab } from './browser.mjs'
import { APP_SECRET } from './nuxt.mjs'
import { inTime, until } from './wait.mjs'

const run = promisify(execFile)
// A return after a restart waits for a random part of up to a few seconds.
const RETURN_WITHIN_MS = 30_000
const CLICK_TO_NUMBER_MS = 300

let browser, site
before(async () => { browser = await launchBrowser() })
after(() => browser?.close())

/**
 * Declares the tests.
 *
 * @param {{ start(variables: Record<string, string>): Promise<import('./nuxt-site.mjs').OneOfEach> }} kind what starts headcount and the app
 * @param {'websocket' | 'sse'} transport
 */
export function describeExamples(kind, transport) {
  describe(`over ${transport}`, () => {
    beforeEach(async () => {
      site = await kind.start({ NUXT_APP_BUILD_ID: 'build-1', NUXT_PUBLIC_SKEW_PROTECTION_TRANSPORT: transport })
      await currentRelease('build-1')
    })
    afterEach(async () => {
      await Promise.all(browser.contexts().map((context) => context.close()))
      await site?.stop()
      site = undefined
    })

    test('an admin who signs in sees totals, versions, pages, connections and themself; a visitor sees none', async () => {
      const visitor = await Tab.open(await newVisitor(browser), `${site.url}/checkout`)
      const admin = await signIn('admin')
      await admin.follow('/admin/dashboard')
      await shows(admin, '.live-pages h3', 'Most Active Pages (2 users)')
      await shows(admin, '.live-pages tr:has-text("/checkout")', '/checkout1 viewers')
      await visitor.follow('/blog/first')
      await shows(admin, '.live-pages tr:has-text("/blog/first")', '/blog/first1 viewers')
      await admin.follow('/admin/versions')
      await shows(admin, 'p', 'Active users: 2')
      await shows(admin, 'li', 'build-1: 2 users')
      await admin.follow('/admin/connections')
      await shows(admin, 'li.you', 'build-1 /admin/connections 127.0.0.1 (you)')
      assert.equal(await admin.page.locator('li').count(), 2)
      await visitor.follow('/admin/versions')
      await visitor.page.getByText('Not authorized for stats').waitFor()
      assert.deepEqual([...visitor.errors, ...admin.errors], [])
    })

    test('an email that is on the list admits, by the plugin that reads the session cookie', async () => {
      const tab = await signIn('somebody', 'admin@example.com')
      await tab.follow('/admin/versions')
      await shows(tab, 'p', 'Active users: 1')
    })

    test("nuxt-skew-protection's curl lines refresh exactly the tabs on these pages, as often as they are given", async () => {
      const visitor = await newVisitor(browser)
      const checkout = await Tab.open(visitor, `${site.url}/checkout`)
      const blog = await Tab.open(visitor, `${site.url}/blog/first`)
      const home = await Tab.open(visitor, `${site.url}/`)
      await routes({ '/checkout': 1, '/blog/first': 1, '/': 1 })
      await welcomed(checkout, blog, home)
      await curl('/checkout')
      await loads([checkout, 2], [blog, 1], [home, 1])
      await welcomed(checkout)
      await curl('/blog/')
      await loads([checkout, 2], [blog, 2], [home, 1])
      await welcomed(blog)
      await checkout.follow('/blog/second')
      await routes({ '/blog/second': 1, '/blog/first': 1, '/': 1 })
      await curl('/blog/')
      await loads([checkout, 3], [blog, 3], [home, 1])
      await assert.rejects(curl('/', 'a wrong secret'))
    })

    test('unsaved work holds the refresh until it is gone', async () => {
      const tab = await Tab.open(await newVisitor(browser), `${site.url}/checkout`)
      await welcomed(tab)
      await tab.page.locator('input[name=address]').fill('12 Long Street')
      // The page listens before the command is given.
      await tab.page.evaluate(() => { window.held = new Promise((resolve) => { window.useNuxtApp().$headcount.attach((client) => client.on('held', resolve)) }) })
      await curl('/checkout')
      assert.deepEqual((await inTime('the tab to hold its refresh', tab.page.evaluate(() => window.held))).reasons, ['form'])
      await tab.loaded(1)
      await tab.page.locator('input[name=address]').fill('')
      await loads([tab, 2])
    })

    test('signing out ends the stats on a stream that is open, and signing in again brings them back', async () => {
      const admin = await signIn('admin')
      await admin.follow('/admin/connections')
      await shows(admin, 'li.you', 'build-1 /admin/connections 127.0.0.1 (you)')
      await admin.page.locator('button').click()
      await admin.page.getByText('Not authorized').waitFor()
      await admin.follow('/login')
      await admin.page.locator('button', { hasText: 'Sign in' }).click()
      await admin.page.getByText('Signed in as admin').waitFor()
      await admin.follow('/admin/versions')
      await shows(admin, 'p', 'Active users: 1')
      await admin.loaded(1)
    })

    test('the client plugin hears stats without any composable on the page', async () => {
      const admin = await signIn('admin')
      const said = new Promise((resolve) => admin.page.on('console', (message) => {
        if (message.text() === 'Connections: 1') resolve(true)
      }))
      await admin.page.goto(`${site.url}/`)
      await inTime('the plugin to say the numbers', said)
    })

    test('after a kill of headcount, and then of the app, the numbers are right again', async () => {
      await Tab.open(await newVisitor(browser), `${site.url}/checkout`)
      const admin = await signIn('admin')
      await admin.follow('/admin/dashboard')
      await shows(admin, '.live-pages h3', 'Most Active Pages (2 users)')
      await site.killHeadcount()
      await routes({ '/checkout': 1, '/admin/dashboard': 1 }, RETURN_WITHIN_MS)
      await shows(admin, '.live-pages h3', 'Most Active Pages (2 users)', RETURN_WITHIN_MS)
      await site.killApp()
      await routes({ '/checkout': 1, '/admin/dashboard': 1 }, RETURN_WITHIN_MS)
      await shows(admin, '.live-pages h3', 'Most Active Pages (2 users)', RETURN_WITHIN_MS)
      await admin.loaded(1)
      assert.deepEqual(admin.errors, [])
    })

    test('a new build is rolled out from 0 to 100 %', async () => {
      const visitors = await newVisitor(browser)
      const tabs = []
      for (const path of ['/', '/checkout', '/blog/first']) tabs.push(await Tab.open(visitors, site.url + path))
      await routes({ '/': 1, '/checkout': 1, '/blog/first': 1 })
      await site.deploy({ NUXT_APP_BUILD_ID: 'build-2', NUXT_HEADCOUNT_BUILT_AT: String(Date.now()) })
      await currentRelease('build-2')
      await until('the old tabs are back', () => site.stats(), ({ versions }) => versions['build-1'] === 3, RETURN_WITHIN_MS)
      const admin = await signIn('admin')
      await admin.follow('/admin/rollout')
      await shows(admin, '.stat:has-text("Rollout Progress") .value', '25%')
      await site.command('invalidations', { match: { segment: '/' } })
      await shows(admin, '.stat:has-text("Rollout Progress") .value', '100%', RETURN_WITHIN_MS)
      await loads(...tabs.map((tab) => [tab, 2]), [admin, 1])
    })

    test(`from a visitor's click to the number on the admin's screen it takes less than ${CLICK_TO_NUMBER_MS} ms`, async (context) => {
      const visitor = await Tab.open(await newVisitor(browser), `${site.url}/`)
      const admin = await signIn('admin')
      await admin.follow('/admin/dashboard')
      await shows(admin, '.live-pages h3', 'Most Active Pages (2 users)')
      const times = []
      for (let turn = 0; turn < 21; turn += 1) {
        const path = turn % 2 === 0 ? '/blog/first' : '/blog/second'
        const shown = admin.page.evaluate((row) => new Promise((resolve) => {
          const look = () => { if (document.body.innerText.includes(row)) resolve(Date.now()) }
          new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true })
        }), path)
        const clicked = await visitor.page.evaluate((to) => {
          document.querySelector(`a[href="${to}"]`).click()
          return Date.now()
        }, path)
        times.push(await shown - clicked)
      }
      const median = times.sort((a, b) => a - b)[Math.floor(times.length / 2)]
      context.diagnostic(`click to number over ${transport}: median ${median} ms, worst ${times.at(-1)} ms`)
      assert.ok(median < CLICK_TO_NUMBER_MS, `median ${median} ms of ${times}`)
    })
  })
}

/** A tab in a separate browser whose user has signed in on the login page. */
async function signIn(name, email) {
  const tab = await Tab.open(await newVisitor(browser), `${site.url}/login`)
  if (email) await tab.page.evaluate((body) => fetch('/api/login', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }), { name, email })
  await welcomed(tab)
  if (email) return tab
  await tab.page.locator('button', { hasText: 'Sign in' }).click()
  await tab.page.getByText(`Signed in as ${name}`).waitFor()
  return tab
}

/** The curl line of nuxt-skew-protection, as someone would paste it. */
async function curl(route, secret = APP_SECRET) {
  const { stdout } = await run('curl', [
    '-fsS', '-X', 'POST', `${site.url}/api/admin/invalidate-route`,
    '-H', 'Content-Type: application/json',
    '-d', JSON.stringify({ route, secret }),
  ])
  assert.deepEqual(JSON.parse(stdout), { ok: true, route })
}

function shows(tab, selector, text, within) {
  const read = () => tab.page.locator(selector).first().textContent({ timeout: 1_000 }).then((found) => found.replace(/\s+/g, ' ').trim(), () => null)
  return until(`${selector} shows ${text}`, read, (found) => found === text, within)
}

/** Until the app's own plugin has sent each its welcome: then the app knows it by its hooks. */
async function welcomed(...tabs) {
  for (const tab of tabs) await tab.page.getByText('Welcomed at').waitFor()
}

function routes(expected, within) {
  return until(`open pages ${JSON.stringify(expected)}`, () => site.stats(), (stats) => {
    const names = Object.keys(stats.routes)
    return names.length === Object.keys(expected).length && names.every((name) => stats.routes[name] === expected[name])
  }, within)
}

function currentRelease(version) {
  return until(`${version} is announced`, () => fetch(`${site.headcount}/__skew/health`).then((answer) => answer.json()), (health) => health.version === version)
}

/** Every tab has loaded its page this often, and none is on its way. */
async function loads(...expected) {
  const seen = () => expected.map(([tab]) => tab.loads)
  const wanted = expected.map(([, count]) => count)
  await until(`pages loaded ${wanted} times`, seen, (counts) => counts.every((count, index) => count >= wanted[index]))
  assert.deepEqual(seen(), wanted)
}
