// A load balancer in front of the instances of Nuxt apps, as in a deployment; and a copy of the client's package, for pages
// that bring their own client.

import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import { connect } from 'node:net'

import { until } from './wait.mjs'

const DIST = new URL('../packages/client/dist/', import.meta.url)
/** Looks come at growing intervals. */
const LOOKED_WITHIN_MS = 30_000

/** A load balancer in front of the instances of an app. */
export class Balancer {
  /** The instance that answers. @type {import('./nuxt.mjs').App} */
  app
  /** The instance of a second application, below `/pro/`. @type {import('./nuxt.mjs').App} */
  pro
  /** What pages are answered with instead, if not 0. */
  status = 0
  posts = 0
  #asked = 0
  #server = createServer((incoming, outgoing) => { this.#pass(incoming, outgoing) })
  #sockets = new Set()

  static async start() {
    const balancer = new Balancer()
    balancer.#server.on('upgrade', (incoming, socket, head) => { balancer.#upgrade(incoming, socket, head) })
    balancer.#server.on('connection', (socket) => { balancer.#sockets.add(socket.on('error', () => {})) })
    balancer.#server.listen(0, '127.0.0.1')
    await once(balancer.#server, 'listening')
    balancer.url = `http://localhost:${balancer.#server.address().port}`
    return balancer
  }

  /** Waits until so many more pages were asked for. */
  pages(more) {
    const before = this.#asked
    return until('looks at the page', () => this.#asked - before, (asked) => asked >= more, LOOKED_WITHIN_MS)
  }

  async stop() {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #instance(url) {
    return Number((url.startsWith('/pro/') ? this.pro : this.app).port)
  }

  #pass(incoming, outgoing) {
    const copy = /^\/dist\/([\w.-]+\.js)/.exec(incoming.url)?.[1]
    if (copy) return readFile(new URL(copy, DIST)).then((text) => { outgoing.writeHead(200, { 'content-type': 'text/javascript' }).end(text) }, () => { outgoing.writeHead(404).end() })
    if ((incoming.headers.accept ?? '').includes('text/html')) {
      this.#asked += 1
      if (incoming.method === 'POST') this.posts += 1
      if (this.status) return outgoing.writeHead(this.status, { 'content-type': 'text/html' }).end('<h1>Not now</h1>')
    }
    const passed = request({ host: '127.0.0.1', port: this.#instance(incoming.url), path: incoming.url, method: incoming.method, headers: incoming.headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers)
      answer.pipe(outgoing)
    })
    passed.on('error', () => outgoing.destroy())
    outgoing.on('close', () => passed.destroy())
    incoming.pipe(passed)
  }

  #upgrade({ url, rawHeaders }, socket, head) {
    const passed = connect(this.#instance(url), '127.0.0.1', () => {
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
