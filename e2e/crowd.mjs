// A crowd of visitors without browsers: each one an SSE stream on a bare socket, which is what a tab is to the server.
//
// Who shows what is decided by a generator with a fixed seed, so that a crowd is the same each time: few pages with many
// viewers and many pages with few, as on any site. One process may open 20,000 files here, and the server is another one.

import { once } from 'node:events'
import { connect } from 'node:net'

const AGENT = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
const OPENING_AT_ONCE = 200
/** How many of a crowd look at another tab. */
const HIDDEN = 0.35
const SECTIONS = ['products', 'blog', 'docs', 'help', 'stores']
const FREQUENT = ['/', '/products', '/checkout', '/cart', '/account', '/search', '/checkout/pay', '/blog', '/offers']

export class Crowd {
  #base
  #routes
  #random
  /** @type {{ socket: import('node:net').Socket, tab: string, route: string, version: string }[]} */
  #members = []

  /**
   * @param {string} url of the server
   * @param {{ routes?: number, seed?: number, base?: string }} options how many distinct pages they are on
   */
  constructor(url, { routes = FREQUENT.length, seed = 1, base = '/__skew' } = {}) {
    this.#base = new URL(base, url)
    this.#routes = routesOf(routes)
    this.#random = generator(seed)
  }

  get size() {
    return this.#members.length
  }

  /** So many more come, on `version`. @param {number} count @param {string} version */
  async join(count, version) {
    const before = this.#members.length
    await inParallel(count, async (index) => {
      // Every page has a viewer as soon as there are enough of them.
      this.#members.push(await this.#open(version, this.#routes[before + index] ?? this.#route()))
    })
  }

  /**
   * Up to `count` of those on another version reload the page and run `version`.
   *
   * @param {number} count
   * @param {string} version
   * @param {{ from?: string, because?: number }} [which] only those on pages that begin so; the command they do it for
   */
  async move(count, version, { from = '/', because } = {}) {
    const older = this.#members.filter((member) => member.version !== version && member.route.startsWith(from)).slice(0, count)
    await inParallel(older.length, async (index) => {
      const member = older[index]
      member.socket.destroy()
      Object.assign(member, await this.#open(version, member.route, { tab: member.tab, ...(because !== undefined && { reloaded: String(because) }) }))
    })
  }

  /**
   * One more, on this very page.
   *
   * @param {string} route
   * @param {string} version
   * @param {'visible' | 'hidden'} [visibility]
   */
  async joinOn(route, version, visibility = 'visible') {
    this.#members.push(await this.#open(version, route, { visibility }))
  }

  leave() {
    for (const { socket } of this.#members.splice(0)) socket.destroy()
  }

  async #open(version, route, { tab = `visitor-${this.#random()}`, visibility = this.#random() < HIDDEN ? 'hidden' : 'visible', ...more } = {}) {
    const { hostname, port, host, pathname } = this.#base
    // An address has some 28,000 ports, and those of tabs that left are not free at once.
    const localAddress = hostname === '127.0.0.1' ? `127.0.0.${1 + Math.floor(this.#random() * 8)}` : undefined
    const socket = connect({ port: Number(port), host: hostname, localAddress })
    socket.on('error', () => {}) // The server stops before its crowd.
    const query = new URLSearchParams({ v: version, route, tab, visibility, ...more })
    socket.write(`GET ${pathname}/sse?${query} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: ${AGENT}\r\nAccept: text/event-stream\r\n\r\n`)
    const [first] = await once(socket, 'data')
    if (!String(first).startsWith('HTTP/1.1 200')) throw new Error(`no stream: ${first}`)
    socket.resume()
    return { socket, tab, route, version }
  }

  /** The first of the list are by far the most frequent. */
  #route() {
    return this.#routes[Math.floor(this.#routes.length ** this.#random()) - 1] ?? '/'
  }
}

function routesOf(count) {
  const rest = Array.from({ length: Math.max(0, count - FREQUENT.length) }, (_, index) => `/${SECTIONS[index % SECTIONS.length]}/${index + 1}`)
  return [...FREQUENT, ...rest].slice(0, count)
}

async function inParallel(count, work) {
  let next = 0
  const worker = async () => {
    while (next < count) await work(next++)
  }
  await Promise.all(Array.from({ length: OPENING_AT_ONCE }, worker))
}

/** mulberry32: numbers from 0 up to, and without, 1. */
function generator(seed) {
  let state = seed
  return () => {
    state = (state + 0x6D2B79F5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
