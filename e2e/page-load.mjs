// What a page load costs by each transport, behind Caddy with TLS and HTTP/2: node page-load.mjs [milliseconds of a way]
//
// A relay before Caddy makes each way take that long, and counts connections and bytes of TCP. A first load has a browser that knows
// nothing of the site; a second one has its files and may resume TLS. The figures in docs/decisions/0015-websocket-first.md are from here.

import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { createServer as createSite } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { launchBrowser, newVisitor } from './browser.mjs'
import { Edge } from './edge.mjs'
import { Server } from './harness.mjs'
import { until } from './wait.mjs'

const ROUNDS = 9
const KEEPALIVES = 5
const WAY_MS = Number(process.argv[2] ?? 25)
const DIST = new URL('../packages/client/dist/', import.meta.url)
const TRANSPORTS = ['websocket', 'sse', 'auto, WebSocket blocked']

/** Counts what passes, and lets each way take its time. */
class Meter {
  connections = 0
  bytes = 0
  server = createServer({ noDelay: true }, (near) => {
    this.connections += 1
    const far = connect({ host: '127.0.0.1', port: this.target, noDelay: true })
    for (const [from, to] of [[near, far], [far, near]]) {
      from.on('data', (piece) => {
        this.bytes += piece.length
        setTimeout(() => to.write(piece), WAY_MS)
      })
      from.on('close', () => setTimeout(() => to.destroy(), WAY_MS))
      from.on('error', () => {})
    }
  })

  taken() {
    const taken = { connections: this.connections, bytes: this.bytes }
    this.connections = this.bytes = 0
    return taken
  }
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]

async function main() {
  const folder = await mkdtemp(join(tmpdir(), 'headcount-load-'))
  await promisify(execFile)('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=localhost',
    '-addext', 'subjectAltName=DNS:localhost', '-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')])
  let transport = ''
  const site = createSite(async ({ url }, answer) => {
    if (url.startsWith('/__skew/')) {
      return answer.setHeader('content-type', 'text/javascript').setHeader('cache-control', 'max-age=3600').end(await readFile(new URL(url.slice('/__skew/'.length), DIST)))
    }
    answer.setHeader('content-type', 'text/html').end(`<!doctype html><script type="module" src="/__skew/client.js" data-version="v2" data-transport="${transport}"></script>`)
  })
  await once(site.listen(0, '127.0.0.1'), 'listening')
  const server = await Server.run(['serve', '--ephemeral', '--limit', 'keepalive_ms=1000', '--limit', 'liveness_ms=4000'], { HEADCOUNT_ADMIN_SECRET: 'the-secret-of-this-measurement' })
  const meter = new Meter()
  await once(meter.server.listen(0, '127.0.0.1'), 'listening')
  const tlsPort = 20_000 + process.pid % 10_000
  const headcount = new URL(server.url).host
  const edge = await Edge.start('caddy', (port) => `{
  admin off
  auto_https off
  servers {
    protocols h1 h2
  }
}
http://localhost:${port} {
  respond 200
}
https://localhost:${tlsPort} {
  tls ${folder}/cert.pem ${folder}/key.pem
  @files path /__skew/client.js /__skew/client/*
  reverse_proxy @files 127.0.0.1:${site.address().port}
  reverse_proxy /__skew/* ${headcount}
  reverse_proxy 127.0.0.1:${site.address().port}
}`)
  meter.target = tlsPort
  const url = `https://localhost:${meter.server.address().port}/`
  console.log(`each way ${WAY_MS} ms, ${ROUNDS} rounds, medians`)
  console.log('| transport | load | ms to connected | TCP connections | bytes | bytes a sign of life |')
  for (const name of TRANSPORTS) {
    transport = name.split(',')[0]
    const figures = { first: [], second: [] }
    for (let round = 0; round < ROUNDS; round += 1) {
      const browser = await launchBrowser()
      const visitor = await newVisitor(browser)
      const page = await visitor.newPage()
      if (name.includes('blocked')) await page.addInitScript(block)
      await page.addInitScript(note)
      await page.goto('about:blank')
      meter.taken()
      for (const load of ['first', 'second']) {
        await (load === 'first' ? page.goto(url) : page.reload())
        const at_ms = await until('the tab to be open', () => page.evaluate(() => window.connectedAt ?? 0), Boolean, 30_000)
        const { connections, bytes } = meter.taken()
        const before = await page.evaluate(() => window.signs)
        await until('signs of life', () => page.evaluate(() => window.signs), (signs) => signs >= before + KEEPALIVES, 30_000)
        figures[load].push({ at_ms, connections, bytes, sign: meter.taken().bytes / KEEPALIVES })
      }
      await browser.close()
    }
    for (const [load, found] of Object.entries(figures)) {
      const of = (field) => Math.round(median(found.map((figure) => figure[field])))
      console.log(`| ${name} | ${load} | ${of('at_ms')} | ${of('connections')} | ${of('bytes')} | ${of('sign')} |`)
    }
  }
  await edge.stop()
  await server.stop()
  site.close()
  meter.server.close()
  await rm(folder, { recursive: true })
}

/** In the page: when it was connected, and how many signs of life it has heard. */
function note() {
  window.signs = 0
  addEventListener('DOMContentLoaded', () => window.headcount?.on('message', ({ type }) => {
    if (type === 'connected') window.connectedAt ??= performance.now()
    if (type === 'keepalive') window.signs += 1
  }))
}

/** In the page: WebSockets that a firewall answers with an error after a round trip. */
function block() {
  const { WebSocket } = window
  window.WebSocket = class extends WebSocket {
    constructor(url) { super(String(url).replace('/ws?', '/no-such?')) }
  }
}

await main()
