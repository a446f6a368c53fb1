// The rules for nginx and Caddy in the guides, word for word, before headcount alone.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'

import { Edge } from './edge.mjs'
import { Server } from './harness.mjs'
import { snippetsIn } from './snippets.mjs'
import { until } from './wait.mjs'

const AGENT = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
const LEFT_WITHIN_MS = 2_000
const CLAIMS = { 'cf-connecting-ip': '9.9.9.9', 'x-real-ip': '9.9.9.9', 'x-forwarded-for': '9.9.9.9', 'forwarded': 'for=9.9.9.9' }
const HANDSHAKE = { 'connection': 'Upgrade', 'upgrade': 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' }

const EDGES = {
  nginx(rule, port, headcount, site) {
    const [map, location] = rule.split(/\n\n/)
    return `  ${map}
  server { listen 127.0.0.1:${port};
    ${location.replace('127.0.0.1:4477', headcount)}
    location / { proxy_pass http://${site}; }
  }`
  },
  caddy: (rule, port, headcount, site) =>
    `{\n  admin off\n}\n${rule.replace('example.com', `http://localhost:${port}`).replace('127.0.0.1:4477', headcount).replace('127.0.0.1:3000', site)}`,
}

const site = createServer((_, answer) => { answer.end('the site') })
let server
/** @type {Edge | undefined} */
let edge
before(async () => { await once(site.listen(0, '127.0.0.1'), 'listening') })
after(() => {
  site.closeAllConnections()
  site.close()
})
beforeEach(async () => {
  // Every header that a rule forgets is believed here.
  const believed = ['cf-connecting-ip', 'x-forwarded-for', 'x-real-ip'].flatMap((name) => ['--address-header', name])
  server = await Server.run(['serve', '--ephemeral', '--ip-tracking', 'true', '--trusted-proxy', '127.0.0.0/8', ...believed], { HEADCOUNT_ADMIN_SECRET: 'the-secret-of-these-tests' })
})
afterEach(async () => {
  await edge?.stop()
  await server?.stop()
  edge = undefined
})

for (const [name, configuration] of Object.entries(EDGES)) {
  describe(`behind ${name}`, () => {
    for (const [path, more] of [['/__skew/sse?v=1', {}], ['/__skew/ws?v=1', HANDSHAKE]]) {
      test(`a visitor on ${path} is counted with the address that the proxy saw, whatever it claims`, async () => {
        const [{ text: rule }] = await snippetsIn(`docs/guides/${name}.md`, name)
        edge = await Edge.start(name, (port) => configuration(rule, port, new URL(server.url).host, `127.0.0.1:${site.address().port}`))
        const headers = { ...CLAIMS, ...more, 'host': `localhost:${edge.port}`, 'user-agent': AGENT }
        const stream = request({ host: '127.0.0.1', port: edge.port, path, headers, agent: false }).end()
        stream.on('error', () => {})
        const [answer, socket] = await Promise.race([once(stream, 'response'), once(stream, 'upgrade')])
        assert.equal(answer.statusCode, path.includes('ws') ? 101 : 200)
        await counted(1)
        assert.match((await server.stats()).connections[0].ip, /^(127\.0\.0\.1|::1)$/)
        ;(socket ?? answer).destroy()
        await counted(0, LEFT_WITHIN_MS)
      })
    }
  })
}

function counted(tabs, within_ms) {
  return until(`${tabs} open`, () => server.stats(), ({ total }) => total === tabs, within_ms)
}
