// A small site in front of headcount, as somebody would run it: pages of one build, and `/__skew/` passed on.
//
// What can go wrong on the way is a property that a test sets: a cache that keeps serving an old build, a proxy that
// knows no WebSocket, one that buffers what should stream. The server behind can be exchanged while pages are open.

import { readFile } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import { connect } from 'node:net'
import { once } from 'node:events'

const DIST = new URL('../packages/client/dist/', import.meta.url)

export class Site {
  /** The build whose pages are served now. */
  version = 'v2'
  /** Attributes of the script tag besides `data-version`. */
  attributes = ''
  passesWebSocket = true
  /** Streams whose messages are held back for ever. */
  buffers = false
  /** How many streams were opened, by kind. */
  opened = { sse: 0, ws: 0 }

  #server = createServer((request, response) => { void this.#answer(request, response) })
  #sockets = new Set()

  /** @param {string} upstream URL of the headcount behind */
  static async start(upstream) {
    const site = new Site()
    site.upstream = upstream
    site.#server.on('upgrade', (request, socket, head) => site.#upgrade(request, socket, head))
    site.#server.on('connection', (socket) => {
      site.#sockets.add(socket)
      socket.on('close', () => site.#sockets.delete(socket))
      socket.on('error', () => {}) // Tabs close while they are being answered.
    })
    site.#server.listen(0, '127.0.0.1')
    await once(site.#server, 'listening')
    site.url = `http://127.0.0.1:${site.#server.address().port}`
    return site
  }

  async stop() {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #answer(request, response) {
    const { pathname } = new URL(request.url, 'http://site')
    if (pathname === '/__skew/client.js' || pathname.startsWith('/dist/')) {
      const file = await readFile(new URL(pathname.split('/').at(-1), DIST))
      return response.setHeader('content-type', 'text/javascript').end(file)
    }
    if (pathname.startsWith('/__skew/')) return this.#pass(request, response)
    response.setHeader('content-type', 'text/html; charset=utf-8').end(this.#page(pathname))
  }

  #page(pathname) {
    return `<!doctype html><title>${pathname}</title>
<script type="module" src="/__skew/client.js" data-version="${this.version}" ${this.attributes}></script>
<h1>${this.version}</h1>
<form><input name="name"></form>
<a href="/a">a</a> <a href="/b">b</a> <button onclick="history.pushState({}, '', '/pushed')">push</button>`
  }

  #pass(incoming, outgoing) {
    if (incoming.url.startsWith('/__skew/sse')) this.opened.sse += 1
    const passed = request(new URL(incoming.url, this.upstream), { method: incoming.method, headers: incoming.headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers)
      if (this.buffers) outgoing.flushHeaders()
      else answer.pipe(outgoing)
    })
    passed.on('error', () => outgoing.destroyed || outgoing.headersSent ? outgoing.destroy() : outgoing.writeHead(502).end())
    outgoing.on('close', () => passed.destroy())
    incoming.pipe(passed)
  }

  #upgrade({ url, rawHeaders }, socket, head) {
    this.opened.ws += 1
    if (!this.passesWebSocket) return socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n')
    const { hostname, port } = new URL(this.upstream)
    const passed = connect(Number(port), hostname, () => {
      const lines = rawHeaders.flatMap((name, index) => index % 2 === 0 ? [`${name}: ${rawHeaders[index + 1]}`] : [])
      passed.write([`GET ${url} HTTP/1.1`, ...lines, '', ''].join('\r\n'))
      passed.write(head)
      passed.pipe(socket).pipe(passed)
    })
    passed.on('error', () => socket.destroy())
    passed.on('close', () => socket.destroy())
    socket.on('close', () => passed.destroy())
  }
}
