// The example app under `nuxt dev`: no headcount is configured, so the module starts one by itself.

import assert from 'node:assert/strict'
import { delimiter, dirname } from 'node:path'
import { after, before, describe, test } from 'node:test'

import { launchBrowser, newVisitor, Tab } from './browser.mjs'
import { binary } from './harness.mjs'
import { App, APP_SECRET, EXAMPLE } from './nuxt.mjs'
import { until } from './wait.mjs'

// Vite transforms each file when it is first asked for.
const START_WITHIN_MS = 180_000
const PAGE_WITHIN_MS = 120_000

describe('nuxt dev', () => {
  let browser, app
  before(async () => {
    browser = await launchBrowser()
    const path = [dirname(await binary()), process.env.PATH].join(delimiter)
    const args = [`${EXAMPLE}/../../node_modules/nuxt/bin/nuxt.mjs`, 'dev', '--port', '0', '--host', '127.0.0.1', '--no-clear']
    const variables = { PATH: path, HEADCOUNT_URL: '', START_WITHIN_MS: String(START_WITHIN_MS), NUXT_TELEMETRY_DISABLED: '1', NO_COLOR: '1' }
    app = await App.run(process.execPath, args, variables, /Local:\s+(http:\/\/\S+)/)
  })
  after(async () => {
    await browser?.close()
    await app?.kill()
  })

  for (const transport of ['websocket', 'sse']) {
    test(`over ${transport}, an admin sees a visitor move, and one call refreshes that tab alone`, async () => {
      const [visitors, admins] = [await newVisitor(browser), await newVisitor(browser)]
      for (const context of [visitors, admins]) {
        context.setDefaultTimeout(PAGE_WITHIN_MS)
        context.setDefaultNavigationTimeout(PAGE_WITHIN_MS)
        if (transport === 'sse') await context.addInitScript(withoutWebSocket)
      }
      const admin = await Tab.open(admins, `${app.url}/login`)
      await admin.page.getByText('Welcomed at').waitFor()
      const visitor = await Tab.open(visitors, `${app.url}/checkout`)
      await visitor.page.getByText('Welcomed at').waitFor()
      await admin.page.locator('button', { hasText: 'Sign in' }).click()
      await admin.page.getByText('Signed in as admin').waitFor()
      await admin.follow('/admin/dashboard')
      await row(admin, '/checkout')
      await visitor.follow('/blog/first')
      await row(admin, '/blog/first')
      const before = [admin.loads, visitor.loads]
      const answer = await fetch(`${app.url}/api/admin/invalidate-route`, {
        method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ route: '/blog/', secret: APP_SECRET }),
      })
      assert.equal(answer.status, 200)
      await until('the tab was reloaded', () => visitor.loads, (loads) => loads === before[1] + 1, PAGE_WITHIN_MS)
      await admin.loaded(before[0])
      await visitor.close()
      await until('it is gone', () => admin.page.locator('.live-pages').textContent(), (text) => !text.includes('/blog/first'))
      await Promise.all([visitors.close(), admins.close()])
    })
  }
})

function row(tab, path) {
  return tab.page.locator('.live-pages tr', { hasText: path }).waitFor()
}

/** In a page: handshakes with headcount fail, as behind a proxy that knows none; Vite's own do not. */
function withoutWebSocket() {
  const { WebSocket } = window
  window.WebSocket = class extends WebSocket {
    constructor(url, protocols) {
      super(String(url).replace('/__skew/ws', '/__skew/nothing'), protocols)
    }
  }
}
