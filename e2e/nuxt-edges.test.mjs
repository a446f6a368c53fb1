// The rules for nginx and Caddy in the module's README, word for word, before the example app.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { once } from 'node:events'

import { launchBrowser, newVisitor, Tab } from './browser.mjs'
import { Edge } from './edge.mjs'
import { Server } from './harness.mjs'
import { App, APP_SECRET, EXAMPLE } from './nuxt.mjs'
import { until } from './wait.mjs'

const README = join(EXAMPLE, '../../packages/nuxt/README.md')
const SECRET = 'the-secret-of-these-tests'
const LEFT_WITHIN_MS = 2_000

/** Forged values, in every forwarding header that exists. */
const CLAIMS = {
  'cf-connecting-ip': '9.9.9.9', 'x-real-ip': '9.9.9.9', 'x-forwarded-for': '9.9.9.9', 'true-client-ip': '9.9.9.9', 'forwarded': 'for=9.9.9.9',
}

const EDGES = {
  nginx(rule, { port, headcount, app }) {
    const [location, map] = rule.split('# In `http`:')
    return `  ${map}
  server {
    listen 127.0.0.1:${port};
    ${location.replace('headcount:4477', headcount)}
    location / { proxy_pass http://${app}; proxy_set_header Host $http_host; }
  }`
  },
  caddy(rule, { port, headcount, app }) {
    const site = rule.replace('shop.example.com', `http://localhost:${port}`).replace('headcount:4477', headcount).replace('app:3000', app)
    return `{\n  admin off\n}\n${site}`
  },
}

let browser, server
/** @type {App | undefined} */
let app
/** @type {Edge | undefined} */
let edge
before(async () => { browser = await launchBrowser() })
after(() => browser?.close())

beforeEach(async () => {
  const options = ['--ephemeral', '--authorize-bridge', '--ip-tracking', 'true', '--trusted-proxy', '127.0.0.0/8']
  server = await Server.run(['serve', ...options], { HEADCOUNT_ADMIN_SECRET: SECRET })
})
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()))
  await edge?.stop()
  await app?.stop()
  await server?.stop()
  ;[edge, app] = []
})

for (const [name, configuration] of Object.entries(EDGES)) {
  describe(`behind ${name}`, () => {
    for (const transport of ['websocket', 'sse']) {
      test(`tabs over ${transport} are counted, refreshed and let go`, async () => {
        const url = await begin(name, configuration, { NUXT_PUBLIC_SKEW_PROTECTION_TRANSPORT: transport })
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

    test('a visitor has the address that the proxy saw, whatever the visitor claims', async () => {
      await begin(name, configuration)
      const stream = request({ host: '127.0.0.1', port: edge.port, path: '/__skew/sse?v=1', headers: { ...CLAIMS, host: `localhost:${edge.port}` }, agent: false }).end()
      const [answer] = await once(stream, 'response')
      assert.equal(answer.statusCode, 200)
      await counted(1)
      assert.match((await server.stats()).connections[0].ip, /^(127\.0\.0\.1|::1)$/)
      stream.destroy()
      await counted(0, LEFT_WITHIN_MS)
    })
  })
}

/** Starts the app, and an edge with the README's rule before it. Its URL. */
async function begin(name, configuration, variables = {}) {
  app = await App.start({ HEADCOUNT_URL: server.url, HEADCOUNT_ADMIN_SECRET: SECRET, ...variables })
  const readme = await readFile(README, 'utf8')
  const [, rule] = new RegExp(`\`\`\`${name}\\w*\n(.*?)\`\`\``, 's').exec(readme)
  edge = await Edge.start(name, (port) => configuration(rule, { port, headcount: new URL(server.url).host, app: `127.0.0.1:${app.port}` }))
  return edge.url
}

function counted(tabs, within_ms) {
  return until(`${tabs} open`, () => server.stats(), ({ total }) => total === tabs, within_ms)
}
