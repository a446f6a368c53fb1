// A small site in front of headcount, as somebody would run it: pages of one build, and `/__skew/` passed on.
//
// What can go wrong on the way is a property that a test sets: a cache that keeps serving an old build, a proxy that
// knows no WebSocket, one that buffers what should stream. The server behind can be exchanged while pages are open.

import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import { createSecureServer } from 'node:http2'
import { connect } from 'node:net'
import { once } from 'node:events'
import { extname } from 'node:path'
import { promisify } from 'node:util'

import { Receiver } from 'ws'

import { watch } from './browser.mjs'

const run = promisify(execFile)
const TAG = watch?.tag ?? ''
const TYPES = { '.js': 'text/javascript; charset=utf-8', '.css': 'text/css', '.html': 'text/html; charset=utf-8' }
const DIST = new URL('../packages/client/dist/', import.meta.url)

export class Site {
  /** The build whose pages are served now. */
  version = 'v2'
  /** Attributes of the script tag besides `data-version`. */
  attributes = ''
  /** What stands in place of that tag, if anything: for pages that bring another client. */
  script
  passesWebSocket = true
  /** How many handshakes are refused from now on. */
  refusesWebSockets = 0
  /** Whether handshakes are refused until a tab has asked for a stream over SSE. */
  takesSseFirst = false
  /** How often a page asked what the endpoint for WebSockets says without a handshake. */
  lookedForWebSockets = 0
  /** What a page is answered with; other than 200, there is no client on it. */
  status = 200
  /** More of each page. */
  body = ''
  /** @type {((request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse) => void) | undefined} Answers in the place of pages. */
  instead
  /** @type {string[]} The pages that were asked for, with their methods. */
  asked = []
  /** Whether it has the parts that the client loads when needed: not those of another build. */
  hasParts = true
  /** Whether it has the refresh of the server, whose name stays. */
  hasRefresh = true
  /** @type {Record<string, string>} Additional files, by their paths. */
  files = {}
  /** A content security policy for everything. */
  policy = ''
  /** @type {Record<string, string>} More headers of everything. */
  headers = {}
  /** The status that POSTs of tabs are refused with, if they are. */
  refusesPosts = 0
  /** How many were. */
  refused = 0
  /** Streams whose messages are held back for ever. */
  buffers = false
  /** How many streams were opened, by kind. */
  opened = { sse: 0, ws: 0 }
  /** @type {URLSearchParams[]} What each stream was asked for with. */
  queries = []
  /** Another headcount, that of the application below `/pro/`. */
  pro
  /** @type {{ type: string }[]} What browsers said to the server, on every stream. */
  said = []
  /** @type {string[]} The parts of the client that were asked for and given. */
  parts = []

  #server
  #sockets = new Set()

  /** @param {string} upstream URL of the headcount behind */
  static start(upstream) {
    return new Site(upstream).#listen('http', createServer())
  }

  /** The same over TLS, where browsers speak HTTP/2. */
  static async startSecure(upstream) {
    return new Site(upstream).#listen('https', createSecureServer({ allowHTTP1: true, ...await certificate() }))
  }

  constructor(upstream) {
    this.upstream = upstream
  }

  async #listen(scheme, server) {
    this.#server = server
    server.on('request', (request, response) => { void this.#answer(request, response) })
    server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head))
    server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
      socket.on('error', () => {}) // Tabs close while they are being answered.
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    this.url = `${scheme}://127.0.0.1:${server.address().port}`
    return this
  }

  /** Every connection ends, as when a network goes. */
  cut() {
    for (const socket of this.#sockets) socket.destroy()
  }

  async stop() {
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #answer(request, response) {
    const { pathname } = new URL(request.url, 'http://site')
    for (const [name, value] of Object.entries(this.headers)) response.setHeader(name, value)
    if (this.policy) response.setHeader('content-security-policy', this.policy)
    const script = /^(?:\/pro)?\/(?:__skew|dist)\/((?:client\/)?[\w.-]+\.js)$/.exec(pathname)?.[1]
    if (script) {
      const file = await readFile(new URL(script, DIST)).catch(() => null)
      if (!this.hasParts && script.includes('-') || !this.hasRefresh && script.includes('refreshing') || !file) return response.writeHead(404).end()
      const part = /(\w+)-[\w-]+\.js$/.exec(script)?.[1]
      if (part) this.parts.push(part)
      response.setHeader('content-type', 'text/javascript')
      response.setHeader('access-control-allow-origin', '*') // For pages in a sandbox.
      return response.end(file)
    }
    const file = this.files[pathname] ?? watch?.answer(request.url, request.headers.cookie)
    if (file !== undefined) return response.writeHead(200, { 'content-type': TYPES[extname(pathname)] ?? TYPES['.js'], 'cache-control': 'no-store' }).end(file)
    if (/^(\/pro)?\/__skew\//.test(pathname)) return this.#pass(request, response)
    // Browsers ask for it by themselves, at any time. It is not a page: it would be counted as a look, and an answer without end fills the browser.
    if (pathname === '/favicon.ico') return response.writeHead(404).end()
    this.asked.push(`${request.method} ${request.url}`)
    if (this.instead) return this.instead(request, response)
    if (this.status !== 200) return response.writeHead(this.status, { 'content-type': 'text/html' }).end(`<!doctype html>${TAG}<h1>${this.status}</h1>`)
    response.setHeader('content-type', 'text/html; charset=utf-8')
    response.end(this.page(pathname))
  }

  /** The page of this path, as it is now. @param {string} pathname */
  page(pathname) {
    return `<!doctype html><title>${pathname}</title>${TAG}
${this.script ?? `<script type="module" src="${/^\/pro\//.exec(pathname)?.[0] ?? '/'}__skew/client.js" data-version="${this.version}" ${this.attributes}></script>`}
<h1>${this.version}</h1>
<form><input name="name"></form>
<a href="/a">a</a> <a href="/b">b</a> <button onclick="history.pushState({}, '', '/pushed')">push</button>
${this.body}`
  }

  #pass(incoming, outgoing) {
    if (this.refusesPosts && incoming.url.endsWith('/message')) {
      this.refused += 1
      return outgoing.writeHead(this.refusesPosts).end()
    }
    if (/^(\/pro)?\/__skew\/sse/.test(incoming.url)) this.#opens('sse', incoming.url)
    const asked = { ...incoming.headers, host: incoming.headers[':authority'] ?? incoming.headers.host }
    for (const name in asked) if (name.startsWith(':')) delete asked[name] // HTTP/2 has these instead of a first line.
    const passed = request(this.#behind(incoming.url), { method: incoming.method, headers: asked }, (answer) => {
      for (const name of ['connection', 'keep-alive', 'transfer-encoding']) delete answer.headers[name]
      outgoing.writeHead(answer.statusCode, answer.headers)
      if (incoming.url === '/__skew/ws') this.lookedForWebSockets += 1
      if (this.buffers && incoming.url.startsWith('/__skew/sse')) outgoing.flushHeaders()
      else answer.pipe(outgoing)
    })
    passed.on('error', () => outgoing.destroyed || outgoing.headersSent ? outgoing.destroy() : outgoing.writeHead(502).end())
    outgoing.on('close', () => passed.destroy())
    if (incoming.url.endsWith('/message')) incoming.toArray().then((pieces) => this.said.push(JSON.parse(Buffer.concat(pieces).toString())), () => {})
    incoming.pipe(passed)
  }

  #opens(kind, url) {
    this.opened[kind] += 1
    this.queries.push(new URL(url, this.url).searchParams)
  }

  /** Where it is behind this site. */
  #behind(url) {
    return url.startsWith('/pro/') ? new URL(url.slice('/pro'.length), this.pro) : new URL(url, this.upstream)
  }

  #upgrade({ url, rawHeaders }, socket, head) {
    this.#opens('ws', url)
    const isEarly = this.takesSseFirst && this.opened.sse === 0
    if (!this.passesWebSocket || isEarly || this.refusesWebSockets-- > 0) return socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n')
    const { hostname, port, pathname, search } = this.#behind(url)
    const passed = connect(Number(port), hostname, () => {
      const lines = rawHeaders.flatMap((name, index) => index % 2 === 0 ? [`${name}: ${rawHeaders[index + 1]}`] : [])
      passed.write([`GET ${pathname}${search} HTTP/1.1`, ...lines, '', ''].join('\r\n'))
      passed.write(head)
      passed.pipe(socket).pipe(passed)
      const frames = new Receiver({ isServer: true })
      frames.on('message', (text) => this.said.push(JSON.parse(String(text))))
      frames.on('error', () => {})
      socket.pipe(frames)
    })
    passed.on('error', () => socket.destroy())
    passed.on('close', () => socket.destroy())
    socket.on('close', () => passed.destroy())
  }
}

/** For one run, and nobody trusts it. */
async function certificate() {
  const { stdout } = await run('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
    '-subj', '/CN=127.0.0.1', '-keyout', '-', '-out', '-',
  ])
  return { key: stdout, cert: stdout }
}
