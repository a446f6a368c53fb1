// Rules in waves on the board, in a real browser and with the real binary.

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, test } from 'node:test'

import { launchBrowser } from './browser.mjs'
import { Crowd } from './crowd.mjs'
import { Server } from './harness.mjs'
import { until } from './wait.mjs'

const SECRET = 'the-secret-of-these-tests'
const SHOWN_WITHIN_MS = 15_000
/** Who left is gone after 15 seconds, and the server looks every five. */
const STOPPED_WITHIN_MS = 40_000

let browser, server, crowd
before(async () => { browser = await launchBrowser() })
after(() => browser?.close())

beforeEach(async () => {
  server = await Server.run(['serve', '--ephemeral', '--release', 'v1'], { HEADCOUNT_ADMIN_SECRET: SECRET })
  crowd = new Crowd(server.url)
  for (let number = 0; number < 12; number++) await crowd.joinOn('/checkout', 'v0')
})
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()))
  crowd.leave()
  await server.stop()
})

test('a rule in waves is given, paused, goes on and is aborted', async () => {
  const page = await signedIn()
  await page.getByLabel('Path or pattern').fill('/checkout')
  await page.getByRole('radio', { name: 'In waves' }).check({ force: true })
  await shown(page.getByText('Reaches 12 tabs on 1 page now'))
  await page.locator('#invalidate button[type="submit"]').click()
  const rule = page.locator('#rules li')
  await shown(rule.getByText('Open to 1% of its tabs, to more within 5 min'))
  await rule.getByRole('button', { name: /^Pause rule/ }).click()
  await shown(rule.getByText('Open to 1% of its tabs, paused'))
  await rule.getByRole('button', { name: /go on$/ }).click()
  await shown(rule.getByText('to more within'))
  await rule.getByRole('button', { name: /^Abort rule/ }).click()
  await shown(page.getByText('No rule stands.'))
  assert.equal(await standing(), undefined)
})

test('a rule that stops by itself says why, and goes on by hand', async () => {
  const page = await signedIn()
  await server.command('invalidations', {
    match: { segment: '/checkout' }, mode: 'prompt', spread: { waves: [99, 100], everyMs: 3_600_000, stopIf: { gone: 50, after: 5 } },
  })
  await until('tabs that were told', standing, (known) => known?.outcomes.told >= 5)
  crowd.leave()
  const rule = page.locator('#rules li')
  await shown(rule.getByText(/stopped: \d+ of \d+ told tabs left and did not come back, and 50 % were allowed/), STOPPED_WITHIN_MS)
  await rule.getByRole('button', { name: /go on$/ }).click()
  await shown(rule.getByText('Open to 99% of its tabs, to more within 60 min'))
})

async function signedIn() {
  const major = browser.version().split('.')[0]
  const context = await browser.newContext({ userAgent: `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${major}.0.0.0 Safari/537.36` })
  const page = await context.newPage()
  await page.goto(`${server.url}/headcount/`)
  await page.getByLabel('Admin secret').fill(SECRET)
  await page.keyboard.press('Enter')
  await shown(page.getByText('Live', { exact: true }))
  return page
}

async function standing() {
  const answer = await fetch(`${server.url}/api/admin/invalidations`, { headers: { authorization: `Bearer ${SECRET}` } })
  return (await answer.json()).invalidations[0]
}

function shown(locator, within_ms = SHOWN_WITHIN_MS) {
  return locator.first().waitFor({ timeout: within_ms })
}
