// Attacks on the gate of a built app, directly and through nginx with connections that all visitors share.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import { afterEach, beforeEach, describe, test } from 'node:test'

import { Edge } from './edge.mjs'
import { Server } from './harness.mjs'
import { App } from './nuxt.mjs'
import { until } from './wait.mjs'

const SECRET = 'the-secret-of-these-tests'
const PAGES = 24
const QUIET_MS = 15_000

let server
/** @type {App} */
let app
/** @type {Edge | undefined} */
let edge

beforeEach(async () => {
  const options = ['--ephemeral', '--authorize-bridge', '--ip-tracking', 'true', '--trusted-proxy', '127.0.0.0/8']
  server = await Server.run(['serve', ...options], { HEADCOUNT_ADMIN_SECRET: SECRET })
})
afterEach(async () => {
  await edge?.stop()
  await app?.stop()
  await server?.stop()
  ;[edge, app] = []
})

/** One packet: an offer to upgrade, and a request for what browsers must not reach behind it. */
const attack = (line, target, { protocol = 'websocket', more = [] } = {}) => [
  line, 'Host: localhost', 'Connection: Upgrade', `Upgrade: ${protocol}`, ...more, '',
  `GET ${target} HTTP/1.1`, 'Host: localhost', `Authorization: Bearer ${SECRET}`, 'X-Forwarded-For: 9.9.9.9', 'CF-Connecting-IP: 9.9.9.9', '', '',
].join('\r\n')

const ATTACKS = {
  'another endpoint': ['GET /__skew/health HTTP/1.1'],
  'HEAD of a stream': ['HEAD /__skew/sse HTTP/1.1'],
  'a handshake that headcount refuses': ['GET /__skew/ws HTTP/1.1', { more: ['Origin: https://evil.example', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='] }],
  'a handshake without a key': ['GET /__skew/ws HTTP/1.1'],
  'another protocol': ['GET /__skew/ws HTTP/1.1', { protocol: 'h2c' }],
  'another method': ['POST /__skew/ws HTTP/1.1'],
  'a message with a body': ['POST /__skew/route HTTP/1.1', { protocol: 'h2c', more: ['Content-Type: application/json', 'Content-Length: 4'] }],
  'dots': ['GET /__skew/../metrics HTTP/1.1'],
  'a page': ['GET /checkout HTTP/1.1'],
}
const TARGETS = ['/metrics', '/api/admin/releases', '/headcount/', '/__skew/sse?v=9']

describe('an offer to upgrade that is no WebSocket, with a request behind it', () => {
  for (const [name, [line, options]] of Object.entries(ATTACKS)) {
    test(`${name}: one answer, and the connection is closed`, async () => {
      app = await start()
      for (const target of TARGETS) {
        const said = await exchange(app.port, attack(line, target, options))
        assert.ok((said.match(/HTTP\/1\.1 \d{3}/g) ?? []).length <= 1, said)
        assert.doesNotMatch(said, /headcount_|"current"|<title>headcount|event: |"connected"/)
      }
      assert.equal((await server.stats()).total, 0)
    })
  }
})

describe('a visitor', () => {
  for (const [path, more] of [['/__skew/sse?v=1', {}], ['/__skew/ws?v=1', { 'connection': 'Upgrade', 'upgrade': 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' }]]) {
    test(`has the address of its socket on ${path}, whatever it claims`, async () => {
      app = await start()
      const claims = { 'cf-connecting-ip': '9.9.9.9', 'x-real-ip': '9.9.9.9', 'x-forwarded-for': '9.9.9.9', 'x_forwarded_for': '9.9.9.9' }
      const stream = request({ host: '127.0.0.1', port: app.port, path, headers: { ...claims, ...more, connection: ['x-forwarded-for', more.connection ?? 'keep-alive'].join(', ') }, agent: false }).end()
      stream.on('error', () => {})
      const [answer, socket] = await Promise.race([once(stream, 'response'), once(stream, 'upgrade')])
      await until('it is counted', () => server.stats(), ({ total }) => total === 1)
      assert.equal((await server.stats()).connections[0].ip, '127.0.0.1')
      ;(socket ?? answer).destroy()
    })
  }
})

describe('behind an nginx that keeps its connections to the app', () => {
  test('no stranger changes what other visitors are shown', async () => {
    app = await start({ NUXT_HEADCOUNT_TRUSTED_PROXIES: '127.0.0.0/8' })
    edge = await Edge.start('nginx', (port) => `  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  upstream app { server 127.0.0.1:${app.port}; keepalive 8; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://app; proxy_http_version 1.1;
      proxy_set_header Host $http_host; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
      proxy_set_header X-Forwarded-For $remote_addr;
    }
  }`)
    await pages()
    for (const [name, [line, options]] of Object.entries(ATTACKS)) {
      for (let turn = 0; turn < 3; turn += 1) await exchange(edge.port, attack(line, '/metrics', options).replace('Connection: Upgrade', 'Connection: Upgrade, close'))
      await pages(name)
    }
  })
})

/** Visitors' pages are the app's. */
async function pages(after = 'nothing') {
  const seen = await Promise.all(Array.from({ length: PAGES }, () => fetch(`${edge.url}/checkout`).then(async (answer) => ({ status: answer.status, text: await answer.text() }))))
  for (const { status, text } of seen) assert.ok(status === 200 && text.includes('Checkout') && text.includes('__NUXT'), `after ${after}: ${status} ${text.slice(0, 200)}`)
}

function start(variables = {}) {
  return App.start({ HEADCOUNT_URL: server.url, HEADCOUNT_ADMIN_SECRET: SECRET, ...variables })
}

/** Sends text, and gives what comes until the other side closes, which it must. */
async function exchange(port, text) {
  const socket = connect(port, '127.0.0.1').setTimeout(QUIET_MS)
  socket.on('timeout', () => { socket.destroy(new Error('the connection was not closed')) })
  socket.write(text)
  let said = ''
  try {
    for await (const piece of socket) said += String(piece)
  } catch (error) {
    if (error.code !== 'ECONNRESET') throw error
  }
  return said
}
