// The board in a real browser, served by the real binary: what an operator sees and does.
//
// Every page that is opened here is watched for requests to other hosts, violations of the content security policy and
// uncaught errors; the test that opened it fails for them at its end.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'

import { figure, focus, only, outcomes, row, shown } from './board-page.mjs'
import { launchBrowser, Tab } from './browser.mjs'
import { Crowd } from './crowd.mjs'
import { Server } from './harness.mjs'
import { Site } from './site.mjs'
import { until } from './wait.mjs'

const SECRET = 'the-secret-of-these-tests'
const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

let browser, server, crowd
/** @type {string[]} */
let faults
before(async () => { browser = await launchBrowser() })
after(() => browser?.close())

beforeEach(async () => {
  faults = []
  await start()
})
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()))
  crowd.leave()
  await server.stop()
  assert.deepEqual(faults, [])
})

async function start(...more) {
  server = await Server.run(['serve', '--ephemeral', '--release', 'v1', ...more], { HEADCOUNT_ADMIN_SECRET: SECRET })
  crowd = new Crowd(server.url)
}

describe('the session', () => {
  test('a wrong secret is refused in place, the right one opens the board, and a reload keeps it', async () => {
    const page = await open()
    await page.getByLabel('Admin secret').fill('not-it')
    await page.keyboard.press('Enter')
    await shown(page.getByRole('alert').getByText('not the admin secret'))
    await page.getByLabel('Admin secret').fill(SECRET)
    await page.keyboard.press('Enter')
    await figure(page, 'Open tabs', '1')
    await page.reload()
    await figure(page, 'Open tabs', '1')
    assert.equal((await page.context().cookies()).find(({ name }) => name.startsWith('headcount_ticket_'))?.httpOnly, true)
    assert.doesNotMatch(await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])), new RegExp(SECRET))
  })

  test('signing out ends the ticket and takes the tab out of the counts', async () => {
    const page = await signedIn()
    const { name, value } = (await page.context().cookies()).find(({ name }) => name.startsWith('headcount_ticket_'))
    await page.getByRole('button', { name: 'Sign out' }).click()
    await shown(page.getByLabel('Admin secret'))
    await until('that nobody is open', () => server.stats(), ({ total }) => total === 0)
    const answer = await fetch(`${server.url}/api/admin/stats`, { headers: { cookie: `${name}=${value}` } })
    assert.equal(answer.status, 401)
  })

  test('boards of two servers on one host stay signed in, and signing out of one leaves the other', async () => {
    const page = await signedIn()
    const other = await Server.run(['serve', '--ephemeral'], { HEADCOUNT_ADMIN_SECRET: SECRET })
    try {
      const second = await page.context().newPage()
      await second.goto(`${other.url}/headcount/`)
      await signIn(second)
      await page.reload()
      await shown(page.getByText('Live', { exact: true }))
      await page.getByRole('button', { name: 'Sign out' }).click()
      await shown(page.getByLabel('Admin secret'))
      await second.reload()
      await shown(second.getByText('Live', { exact: true }))
    } finally {
      await other.stop()
    }
  })

  test('a page that is refused for its origin is said on the board', async () => {
    const page = await signedIn()
    const answer = await fetch(`${server.url}/__skew/route`, {
      method: 'POST', headers: { origin: 'https://shop.example', 'sec-fetch-site': 'cross-site' }, body: '{}',
    })
    assert.equal(answer.status, 403)
    await page.reload()
    await shown(page.getByText('--allowed-origin https://shop.example'))
  })

  test('a session that ends asks for the secret over the board, and nothing that was typed is lost', async () => {
    const page = await signedIn()
    await page.getByLabel('Version of the new release').fill('v2')
    await page.context().clearCookies()
    await page.getByRole('button', { name: 'Announce' }).click()
    const dialog = page.getByRole('dialog', { name: 'Sign in again' })
    await shown(dialog)
    await page.keyboard.press('Escape')
    await shown(dialog)
    await dialog.getByLabel('Admin secret').fill(SECRET)
    await page.keyboard.press('Enter')
    await dialog.waitFor({ state: 'hidden' })
    assert.equal(await page.getByLabel('Version of the new release').inputValue(), 'v2')
    await page.getByRole('button', { name: 'Announce' }).click()
    await figure(page, 'On the latest release', '100%', 'v2')
    await crowd.join(2, 'v2')
    await figure(page, 'Open tabs', '3')
  })
})

describe('what it shows', () => {
  test('figures follow tabs as they come and go, and the board counts itself', async () => {
    const page = await signedIn()
    await figure(page, 'Open tabs', '1', '1 page')
    await crowd.joinOn('/a', 'v1')
    await crowd.joinOn('/a', 'old')
    await crowd.joinOn('/b', 'old')
    await figure(page, 'Open tabs', '4', '3 pages')
    await figure(page, 'On the latest release', '50%', 'v1')
    await figure(page, 'Outdated tabs', '2', 'on 1 other build')
    await shown(row(page, 'pages', '/a').getByText('50%'))
    crowd.leave()
    await figure(page, 'Open tabs', '1')
    await figure(page, 'Outdated tabs', '0', 'Everybody has moved')
  })

  test('who is seen is told from who is open', async () => {
    const page = await signedIn()
    await figure(page, 'Visible now', '1')
    await crowd.joinOn('/a', 'v1', 'hidden')
    await figure(page, 'Open tabs', '2')
    await figure(page, 'Visible now', '1', '50% of all')
    await crowd.joinOn('/a', 'v1', 'visible')
    await figure(page, 'Visible now', '2', '66.7% of all')
  })

  test('pages by build, and from there the tabs of that page and build', async () => {
    await crowd.joinOn('/a', 'old')
    await crowd.joinOn('/a', 'v1')
    await crowd.joinOn('/b', 'old')
    const page = await signedIn()
    await page.getByLabel('By build').check()
    await page.getByRole('button', { name: '1 tab on old: show them' }).first().click()
    assert.equal(await page.getByLabel('On this build only').inputValue(), 'old')
    await until('one tab', () => page.locator('#connections tbody tr').count(), (count) => count === 1)
    await page.getByRole('button', { name: 'Clear' }).click()
    await until('all tabs', () => page.locator('#connections tbody tr').count(), (count) => count === 4)
    await only(page, '/b')
    await until('the tab on /b', () => page.locator('#connections tbody').innerText(), (text) => text.includes('/b') && !text.includes('/a'))
    await only(page, '/nowhere')
    await shown(page.getByText('No open tab matches.'))
  })

  test('paging lists every tab once, marks this one, and shows no address that is not tracked', async () => {
    await crowd.join(40, 'v1')
    const page = await signedIn()
    // The list has the tabs that are open while it is read. The board's own tab connects beside that, so the list is read again.
    await figure(page, 'Open tabs', '41')
    const found = new Set()
    const list = page.locator('#connections tbody tr')
    await only(page, '/nowhere')
    await shown(page.getByText('No open tab matches.'))
    await page.getByRole('button', { name: 'Clear' }).click()
    await shown(list)
    for (let number = 1; ; number += 1) {
      await shown(page.getByText(`Page ${number},`))
      for (const id of await list.locator('td:last-child').allInnerTexts()) found.add(id)
      const next = page.getByRole('button', { name: 'Next' })
      if (await next.isDisabled()) break
      await next.click()
    }
    assert.equal(found.size, 41)
    await page.getByRole('button', { name: 'Previous' }).click()
    await shown(page.getByText('Page 2,'))
    assert.equal(await page.getByRole('columnheader', { name: 'Address' }).count(), 0)
    await only(page, '/headcount')
    await shown(list.getByText('you', { exact: true }))
  })

  test('addresses where they are tracked', async () => {
    await server.stop()
    await start('--ip-tracking')
    const page = await signedIn()
    await shown(page.getByRole('columnheader', { name: 'Address' }))
    await shown(page.locator('#connections').getByText('127.0.0.1'))
  })

  test('names cannot hide, nor turn the text around them', async () => {
    await crowd.joinOn('/\u05d0\u05d1/\u202egpj', 'v1')
    const page = await signedIn()
    const name = row(page, 'connections', '/\u05d0\u05d1/\\u{202e}gpj').locator('bdi').getByText('/\u05d0\u05d1/')
    await shown(name)
    assert.equal(await name.evaluate((element) => getComputedStyle(element).unicodeBidi), 'isolate')
  })

  test('names are text, whatever they look like', async () => {
    for (const name of ['<img src=x onerror=alert(1)>', '__proto__', 'constructor']) await crowd.joinOn(`/${name}`, name)
    const page = await signedIn()
    await figure(page, 'Open tabs', '4')
    await figure(page, 'Outdated tabs', '3', 'on 3 other builds')
    await shown(row(page, 'pages', '/__proto__').getByText('100%'))
    await shown(page.locator('#releases').getByText('<img src=x onerror=alert(1)>'))
    await shown(page.locator('#releases').getByText('__proto__'))
  })
})

describe('what it does', () => {
  test('announces a release, and says why where it cannot', async () => {
    const page = await signedIn()
    await crowd.joinOn('/a', 'v1')
    await figure(page, 'On the latest release', '100%', 'v1')
    await page.getByLabel('Version of the new release').fill('x'.repeat(129))
    await page.getByRole('button', { name: 'Announce' }).click()
    await shown(page.locator('#announce-problem'))
    await page.getByLabel('Version of the new release').fill('v2')
    await page.getByRole('button', { name: 'Announce' }).click()
    // The board moves on with the release; the visitor does not.
    await figure(page, 'On the latest release', '50%', 'v2')
    assert.equal(await page.getByLabel('Version of the new release').inputValue(), '')
  })

  test('says whom a refresh hits before it can be given, and then what became of it', async () => {
    const site = await Site.start(server.url)
    try {
      await server.command('releases', { version: 'v2' })
      const context = await newContext()
      site.version = 'v1'
      const tab = await Tab.open(context, `${site.url}/checkout`)
      await crowd.joinOn('/checkout/pay', 'v1')
      await crowd.joinOn('/checkout-help', 'v1')
      await until('three visitors', () => server.stats(), ({ total }) => total === 3)
      const page = await signedIn()
      const give = page.locator('#invalidate button[type="submit"]')
      assert.ok(await give.isDisabled())
      await page.getByLabel('Path or pattern').fill('/checkout')
      await shown(page.getByText('Reaches 2 tabs on 2 pages now'))
      await shown(page.getByRole('button', { name: 'Refresh 2 tabs' }))
      site.version = 'v2'
      await give.click()
      await until('the tab to reload', () => tab.loads, (loads) => loads === 2)
      const rule = page.locator('#rules li')
      await outcomes(rule, { matched: '2', told: '2', reloaded: '1', held: '0' })
      await rule.getByRole('button', { name: /^Lift/ }).click()
      await shown(page.getByText('No rule stands.'))
      const answer = await fetch(`${server.url}/api/admin/invalidations`, { headers: { authorization: `Bearer ${SECRET}` } })
      assert.deepEqual((await answer.json()).invalidations, [])
    } finally {
      await site.stop()
    }
  })

  test('an invalid pattern is explained, and cannot be given', async () => {
    const page = await signedIn()
    await page.getByLabel('Which pages').selectOption('regex')
    await page.getByLabel('Path or pattern').fill('/(')
    await shown(page.locator('#rule-forecast .problem'))
    assert.ok(await page.locator('#invalidate button[type="submit"]').isDisabled())
  })

  test('an answer to what is no longer asked counts for nothing', async () => {
    await crowd.joinOn('/a', 'old')
    await crowd.joinOn('/b', 'old')
    await crowd.joinOn('/b', 'old')
    const page = await signedIn()
    let release
    const held = new Promise((resolve) => { release = resolve })
    const passed = page.waitForRequest((request) => request.postData()?.includes('"/a"') ?? false)
    await page.route('**/invalidations', async (route) => {
      if (route.request().postData()?.includes('"/a"')) await held
      await route.continue().catch(() => {}) // Given up by the page.
    })
    await page.getByLabel('Path or pattern').fill('/a')
    await passed
    await page.getByLabel('Path or pattern').fill('/b')
    const button = page.getByRole('button', { name: 'Refresh 2 tabs' })
    await shown(button)
    release()
    await page.getByLabel('Path or pattern').fill('/')
    await shown(page.getByRole('button', { name: 'Refresh 3 tabs' }))
    await page.getByLabel('Path or pattern').fill('/b')
    await shown(button)
  })

  test('everything works by keyboard alone, and focus is visible', async () => {
    await crowd.joinOn('/a', 'old')
    const page = await open()
    await page.keyboard.type(SECRET)
    await page.keyboard.press('Enter')
    await figure(page, 'Open tabs', '2')
    await focus(page, 'Version of the new release')
    await page.keyboard.type('v2')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await figure(page, 'On the latest release', '50%', 'v2')
    await focus(page, 'Path or pattern')
    await page.keyboard.type('/a')
    await page.keyboard.press('Tab')
    await page.keyboard.press('ArrowRight') // All tabs
    await shown(page.getByRole('button', { name: 'Refresh 1 tab' }))
    await page.keyboard.press('Enter')
    await shown(page.locator('#rules').getByText('All tabs'))
    await focus(page, /^Lift rule/)
    await page.keyboard.press('Enter')
    await shown(page.getByText('No rule stands.'))
  })

  test('a rule that also hits the board asks, and does not reload it', async () => {
    const page = await signedIn()
    await page.getByLabel('All tabs').check()
    await page.getByLabel('Which pages').selectOption('prefix')
    await page.getByLabel('Path or pattern').fill('/')
    await page.getByRole('button', { name: 'Refresh 1 tab' }).click()
    await shown(page.getByText('applies to this board too'))
    await page.getByRole('button', { name: 'Not now' }).click()
    await page.getByText('applies to this board too').waitFor({ state: 'hidden' })
  })
})

describe('for everybody', () => {
  for (const [name, options] of Object.entries({
    light: { colorScheme: 'light' }, dark: { colorScheme: 'dark' }, narrow: { colorScheme: 'light', viewport: { width: 360, height: 740 } },
  })) {
    test(`no serious finding of axe, and no sideways scrolling: ${name}`, async () => {
      await crowd.join(60, 'old')
      await crowd.joinOn(`/${'a-very-long-name/'.repeat(12)}`, 'a-very-long-build-id-without-any-space-0123456789abcdef')
      await server.command('invalidations', { match: { segment: '/products' } })
      const page = await open(options)
      await accessible(page)
      await signIn(page)
      await figure(page, 'Open tabs', '62')
      await page.getByLabel('Path or pattern').fill('/checkout')
      await shown(page.getByRole('button', { name: /^Refresh \d+ tabs?$/ }))
      await accessible(page)
      await page.getByLabel('By build').check()
      await accessible(page)
    })
  }

  test('the page allows itself nothing but its own files', async () => {
    const answer = await fetch(`${server.url}/headcount/`)
    const policy = answer.headers.get('content-security-policy') ?? ''
    assert.match(policy, /default-src 'none'/)
    assert.doesNotMatch(policy, /unsafe|\*|https?:/)
    assert.doesNotMatch(await answer.text(), /<style|style=|<script(?![^>]*src=)|\{\{/)
  })
})

/** A new context, with the user agent of an ordinary Chrome. */
function newContext(options = {}) {
  const major = browser.version().split('.')[0]
  return browser.newContext({ userAgent: `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${major}.0.0.0 Safari/537.36`, ...options })
}

async function open(options) {
  const page = await (await newContext(options)).newPage()
  const { host } = new URL(server.url)
  page.on('request', (request) => { if (new URL(request.url()).host !== host) faults.push(`a request to ${request.url()}`) })
  page.on('pageerror', (error) => { faults.push(String(error)) })
  page.on('console', (message) => {
    // A browser notes each refused request as an error; that they are refused is what some of these tests are about.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) faults.push(message.text())
  })
  await page.goto(`${server.url}/headcount/`)
  await shown(page.getByLabel('Admin secret'))
  return page
}

async function signIn(page) {
  await page.getByLabel('Admin secret').fill(SECRET)
  await page.keyboard.press('Enter')
  await shown(page.getByText('Live', { exact: true }))
}

async function signedIn(options) {
  const page = await open(options)
  await signIn(page)
  return page
}

async function accessible(page) {
  await page.evaluate(AXE) // As a debugger does: the page itself allows no script but its own.
  const { violations } = await page.evaluate(() => globalThis.axe.run())
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
  assert.deepEqual(serious.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]), [])
  const { scroll, inner } = await page.evaluate(() => ({ scroll: document.documentElement.scrollWidth, inner: innerWidth }))
  assert.ok(scroll <= inner, `${scroll} px of content in ${inner} px`)
}
