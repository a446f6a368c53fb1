// Pages that are older than the app that serves the rest: kept by a cache over a deployment, as with `swr`, or made in advance under the name
// that the build had then. nginx gives the module's playground's start page from a file.

import assert from 'node:assert/strict'
import { chmod, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'

import { launchBrowser, newVisitor, Tab } from './browser.mjs'
import { Edge } from './edge.mjs'
import { Server } from './harness.mjs'
import { App, PLAYGROUND } from './nuxt.mjs'
import { until } from './wait.mjs'

const SECRET = 'the-secret-of-these-tests'
/** Looks at the page come at growing intervals. */
const LOOKED_WITHIN_MS = 60_000

let browser, server, app, edge, folder
before(async () => { browser = await launchBrowser() })
after(() => browser?.close())

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headcount-kept-pages-'))
  await chmod(folder, 0o755) // nginx may be another user.
  server = await Server.run(['serve', '--ephemeral', '--authorize-bridge'], { HEADCOUNT_ADMIN_SECRET: SECRET })
})
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()))
  await edge?.stop()
  await app?.stop()
  await server?.stop()
  await rm(folder, { recursive: true })
  ;[edge, app] = []
})

for (const transport of ['websocket', 'sse']) {
  describe(`over ${transport}`, () => {
    test('a tab whose page a cache keeps over a deployment waits for the new one, and then goes, once', async () => {
      app = await start('build-1', transport)
      await keep()
      const tab = await open('build-1')
      await app.stop()
      app = await start('build-2', transport, app.port)
      await until('the build is announced', releases, ({ current }) => current === 'build-2')
      const { id } = await server.command('invalidate-route', { route: '/' })
      await outcome(id, { waiting: 1, reloaded: 0 })
      await tab.loaded(1)
      await counted('build-1')
      await keep()
      await outcome(id, { waiting: 0, reloaded: 1 })
      await counted('build-2')
      await tab.loaded(2)
      assert.deepEqual(tab.errors, [])
    })

    test('a page that was made before its build was named is counted under its first name, and does not go round in circles', async () => {
      app = await start('made-in-advance', transport, '0', { NUXT_HEADCOUNT_ANNOUNCE: 'false' })
      await keep()
      await app.stop()
      app = await start('build-2', transport, app.port)
      await until('the build is announced', releases, ({ current }) => current === 'build-2')
      const tab = await open('made-in-advance')
      const { id } = await server.command('invalidate-route', { route: '/' })
      await outcome(id, { waiting: 1, reloaded: 0 })
      await tab.loaded(1)
      // Its user loads the page again. That is all a refresh could do.
      await tab.page.reload()
      await outcome(id, { told: 1, waiting: 0, gone: 1 })
      await counted('made-in-advance')
      await tab.loaded(2)
      assert.deepEqual(tab.errors, [])
    })
  })
}

function start(build, transport, port = '0', more = {}) {
  return App.start({
    HEADCOUNT_URL: server.url, HEADCOUNT_ADMIN_SECRET: SECRET, NUXT_APP_BUILD_ID: build, PORT: port, NUXT_HEADCOUNT_BUILT_AT: String(Date.now()),
    NUXT_PUBLIC_SKEW_PROTECTION_TRANSPORT: transport, ...more,
  }, PLAYGROUND)
}

/** The start page is given as the app makes it now, from now on. It is there as a whole at every moment. */
async function keep() {
  await writeFile(join(folder, 'next.html'), await (await fetch(`${app.url}/`)).text())
  await rename(join(folder, 'next.html'), join(folder, 'index.html'))
}

/** A tab on that page, counted. */
async function open(build) {
  edge = await Edge.start('nginx', (port) => `
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  server {
    listen 127.0.0.1:${port};
    location = / { root ${folder}; default_type text/html; try_files /index.html =404; add_header cache-control no-cache; }
    location /__skew/ {
      proxy_pass ${server.url}; proxy_http_version 1.1; proxy_buffering off;
      proxy_set_header Host $http_host; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
    }
    location / { proxy_pass http://127.0.0.1:${app.port}; proxy_set_header Host $http_host; }
  }`)
  const tab = await Tab.open(await newVisitor(browser), `${edge.url}/`)
  await counted(build)
  return tab
}

async function releases() {
  return (await fetch(`${server.url}/api/admin/releases`, { headers: { authorization: `Bearer ${SECRET}` } })).json()
}

function counted(version) {
  return until(`one tab of ${version}`, () => server.stats(), ({ total, versions }) => total === 1 && versions[version] === 1)
}

function outcome(id, expected) {
  return until(`outcomes with ${JSON.stringify(expected)}`, async () => (await server.invalidation(id)).outcomes, (outcomes) =>
    Object.entries(expected).every(([name, value]) => outcomes[name] === value), LOOKED_WITHIN_MS)
}
