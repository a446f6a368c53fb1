// The rules for nginx and Caddy in the module's README, word for word, before the example app. Skipped, and said so, where nginx or Caddy
// is not installed.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { once } from 'node:events'

import { launchBrowser, newVisitor, Tab } from './browser.mjs'
import { Server } from './harness.mjs'
import { App, APP_SECRET, EXAMPLE } from './nuxt.mjs'
import { inTime, until } from './wait.mjs'

const README = join(EXAMPLE, '../../packages/nuxt/README.md')
const SECRET = 'the-secret-of-these-tests'
const START_WITHIN_MS = 10_000
const LEFT_WITHIN_MS = 2_000

const EDGES = {
  nginx: {
    version: '-v',
    configuration(rule, { folder, port, headcount, app }) {
      const [location, map] = rule.split('# In `http`:')
      return `daemon off; pid ${folder}/pid; error_log stderr; events {}
http {
  access_log off;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  ${map}
  server {
    listen 127.0.0.1:${port};
    ${location.replace('headcount:4477', headcount)}
    location / { proxy_pass http://${app}; proxy_set_header Host $http_host; }
  }
}`
    },
    command: (file, folder) => ['-c', file, '-p', folder],
  },
  caddy: {
    version: 'version',
    configuration(rule, { port, headcount, app }) {
      const site = rule.replace('shop.example.com', `http://localhost:${port}`).replace('headcount:4477', headcount).replace('app:3000', app)
      return `{\n  admin off\n}\n${site}`
    },
    command: (file) => ['run', '--config', file, '--adapter', 'caddyfile'],
  },
}

let browser, server, folder
/** @type {App | undefined} */
let app
/** @type {import('node:child_process').ChildProcess | undefined} */
let edge
before(async () => { browser = await launchBrowser() })
after(() => browser?.close())

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headcount-edge-'))
  const options = ['--ephemeral', '--authorize-bridge', '--ip-tracking', 'true', '--trusted-proxy', '127.0.0.0/8']
  server = await Server.run(['serve', ...options], { HEADCOUNT_ADMIN_SECRET: SECRET })
})
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()))
  if (edge?.exitCode === null && edge.kill()) await inTime('the edge to end', once(edge, 'exit'))
  await app?.stop()
  await server?.stop()
  await rm(folder, { recursive: true })
})

for (const [name, { version, configuration, command }] of Object.entries(EDGES)) {
  const skip = spawnSync(name, [version]).error ? `${name} is not installed, so its rule was not run` : false
  describe(`behind ${name}`, { skip }, () => {
    for (const transport of ['websocket', 'sse']) {
      test(`tabs over ${transport} are counted, refreshed and let go`, async () => {
        app = await App.start({ HEADCOUNT_URL: server.url, HEADCOUNT_ADMIN_SECRET: SECRET, NUXT_PUBLIC_SKEW_PROTECTION_TRANSPORT: transport })
        const url = await begin(name, configuration, command)
        const tab = await Tab.open(await newVisitor(browser), `${url}/checkout`)
        await tab.page.getByText('Welcomed at').waitFor()
        const { connections } = await server.stats()
        assert.equal(connections[0].route, '/checkout')
        assert.match(connections[0].ip, /^(127\.0\.0\.1|::1)$/)
        const answer = await fetch(`${url}/api/admin/invalidate-route`, {
          method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ route: '/checkout', secret: APP_SECRET }),
        })
        assert.equal(answer.status, 200)
        await until('the tab was refreshed', () => tab.loads, (loads) => loads === 2)
        await tab.page.getByText('Welcomed at').waitFor()
        await counted(1)
        await tab.close()
        await counted(0, LEFT_WITHIN_MS)
      })
    }
  })
}

/** Starts an edge with the README's rule, and answers its URL. */
async function begin(name, configuration, command) {
  const readme = await readFile(README, 'utf8')
  const [, rule] = new RegExp(`\`\`\`${name}\\w*\n(.*?)\`\`\``, 's').exec(readme)
  const port = await freePort()
  const file = join(folder, 'configuration')
  await writeFile(file, configuration(rule, { folder, port, headcount: new URL(server.url).host, app: `127.0.0.1:${app.port}` }))
  const said = []
  edge = spawn(name, command(file, folder), { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, HOME: folder } })
  edge.stderr.on('data', (piece) => said.push(String(piece)))
  const url = `http://localhost:${port}`
  await until('the edge to answer', () => fetch(url).then(({ status }) => status, () => said.join('')), (answer) => answer === 200, START_WITHIN_MS)
  return url
}

/** These two take no port 0. Another process could take this one first; then the edge says so, and the test fails with its words. */
async function freePort() {
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  const { port } = holder.address()
  holder.close()
  await once(holder, 'close')
  return port
}

function counted(tabs, within_ms) {
  return until(`${tabs} open`, () => server.stats(), ({ total }) => total === tabs, within_ms)
}
