// Visitors without browsers, at several servers: each is a tab, by SSE or WebSocket, that comes back as PROTOCOL.md tells clients to.
//
// A visitor never loads its page again, so a command that it is told twice is a fault of the servers. What it says and when is kept: how many were
// connected at each moment is the truth that the servers' numbers are held to.

import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

import { WebSocket } from 'ws'

const AGENT = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
const AT_ONCE = 100
/** How often visitors look whether their links are silent. */
const LOOK_EVERY_MS = 100
/** Longest pause before another attempt. */
const PAUSE_MS_MAX = 400

/** A stream over SSE. `heard` gets each message, `ended` is called once. */
function sse(url, heard, ended) {
  const { hostname, port, host, pathname, search } = new URL(url)
  const socket = connect({ port: Number(port), host: hostname })
  let text = ''
  socket.setEncoding('utf8')
  socket.on('error', () => {})
  socket.on('close', ended)
  socket.on('end', () => socket.destroy())
  socket.on('data', (piece) => {
    text += piece
    if (/^HTTP\/1\.1 (?!200)/.test(text)) return socket.destroy()
    const events = text.split('\n\n')
    text = events.pop()
    for (const event of events) {
      const data = /^data: (.*)$/m.exec(event)?.[1]
      if (data) heard(JSON.parse(data))
    }
  })
  socket.write(`GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: ${AGENT}\r\nAccept: text/event-stream\r\n\r\n`)
  return () => socket.destroy()
}

/** The same over WebSocket. */
function websocket(url, heard, ended) {
  const socket = new WebSocket(url.replace('http', 'ws'), { headers: { 'user-agent': AGENT }, perMessageDeflate: false })
  socket.on('error', () => {})
  socket.on('close', ended)
  socket.on('message', (data) => heard(JSON.parse(String(data))))
  return () => socket.terminate()
}

/** One tab. */
class Visitor {
  tab = randomBytes(12).toString('hex')
  /** The commands that it was told, in order. @type {number[]} */
  told = []
  /** The server at which it is, while it is connected. */
  at = undefined
  id = undefined
  /** When something arrived last, or the stream was begun. */
  heard_ms = 0
  /** For how long it keeps a link on which nothing arrives. */
  patience_ms
  #all
  #open
  #resume = ''
  #close = () => {}
  #stays = true

  constructor(all, version, route, open, patience_ms) {
    Object.assign(this, { version, route, patience_ms })
    this.#all = all
    this.#open = open
  }

  /** Comes, and comes back, until it leaves. */
  async stay() {
    while (this.#stays) {
      const back_ms = await this.#visit(this.#all.server())
      const wait_ms = back_ms === undefined ? Math.random() * PAUSE_MS_MAX : back_ms - performance.now()
      if (this.#stays && wait_ms > 0) await pause(wait_ms)
    }
  }

  leave() {
    this.#stays = false
    this.#close()
  }

  /** Gives up its link, as a client that has noticed that it is dead. */
  giveUp() {
    this.#close()
  }

  async navigate(route) {
    this.route = route
    const body = JSON.stringify({ connectionId: this.id, route })
    const answer = await fetch(`${this.at}/__skew/route`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    return (await answer.json()).ok
  }

  /** One stream, from its beginning to its end. When the server has asked to come back, if it has. */
  #visit(server) {
    const { tab, version, route } = this
    const query = new URLSearchParams({ tab, v: version, route, ...(this.#open === websocket && { alive: 1 }), ...(this.#resume && { since: this.#resume }) })
    let back_ms
    return new Promise((resolve) => {
      this.heard_ms = performance.now()
      const heard = (message) => {
        this.heard_ms = performance.now()
        if (message.type === 'connected') {
          Object.assign(this, { at: server, id: message.connectionId })
          this.#resume = message.resume ?? this.#resume
          this.#all.note(1)
        } else if (message.type === 'version' && (message.force || message.prompt)) {
          this.told.push(message.id)
          this.#resume += `${this.#resume.includes(';') ? ',' : ';'}${message.id}`
        } else if (message.type === 'reconnect') {
          back_ms = this.heard_ms + message.after
          setTimeout(close, message.after)
        }
      }
      let isOver = false
      const end = () => {
        if (isOver) return
        isOver = true
        if (this.at) this.#all.note(-1)
        this.at = undefined
        this.#close = () => {}
        resolve(back_ms)
      }
      const drop = this.#open(`${server}/__skew/${this.#open === websocket ? 'ws' : 'sse'}?${query}`, heard, end)
      const close = () => { drop(); end() }
      this.#close = close
    })
  }
}

/** Visitors of the servers that `urls` names at that moment. */
export class Visitors {
  /** @type {Visitor[]} */
  all = []
  /** How many were connected, whenever that changed: `[ms, open]`. @type {[number, number][]} */
  history = [[performance.now(), 0]]
  #urls
  #patience_ms
  #next = 0
  #staying = []
  #looks

  /**
   * @param {() => string[]} urls of the servers that a proxy would ask
   * @param {number} patience_ms for how long a visitor keeps a link on which nothing arrives
   */
  constructor(urls, patience_ms = Infinity) {
    this.#urls = urls
    this.#patience_ms = patience_ms
    this.#looks = setInterval(() => this.#look(), LOOK_EVERY_MS)
  }

  /** So many more come, every second one by WebSocket. */
  async come(count, { version = 'v1', route = '/' } = {}) {
    const before = this.all.length
    let next = 0
    const worker = async () => {
      while (next < count) {
        const number = next++
        const visitor = new Visitor(this, version, typeof route === 'function' ? route(before + number) : route, number % 2 ? websocket : sse, this.#patience_ms)
        this.all.push(visitor)
        this.#staying.push(visitor.stay())
        while (visitor.at === undefined) await pause(2)
      }
    }
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, worker))
  }

  /** How many are connected. */
  get open() {
    return this.history.at(-1)[1]
  }

  /** Those at this server. */
  at(url) {
    return this.all.filter((visitor) => visitor.at === url)
  }

  /** The fewest and the most that were connected from `from_ms` to `to_ms`, and how many came in that time. */
  between(from_ms, to_ms) {
    const last = Math.max(0, this.history.findLastIndex(([at_ms]) => at_ms <= from_ms))
    const seen = this.history.slice(last).filter(([at_ms]) => at_ms <= to_ms).map(([, open]) => open)
    const came = seen.filter((open, index) => index > 0 && open > seen[index - 1]).length
    return { fewest: Math.min(...seen), most: Math.max(...seen), came }
  }

  /** How many visitors were told a command how often: `{ 1: 40 }`. @param {number} id */
  told(id) {
    const times = {}
    for (const { told } of this.all) {
      const often = told.filter((one) => one === id).length
      times[often] = (times[often] ?? 0) + 1
    }
    return times
  }

  async leave() {
    clearInterval(this.#looks)
    for (const visitor of this.all) visitor.leave()
    await Promise.all(this.#staying)
  }

  /** The server to try next, as a proxy that hands each request to the next one. */
  server() {
    const urls = this.#urls()
    return urls[this.#next++ % urls.length]
  }

  note(by) {
    this.history.push([performance.now(), this.open + by])
  }

  #look() {
    const now_ms = performance.now()
    for (const visitor of this.all) {
      if (now_ms - visitor.heard_ms > visitor.patience_ms) visitor.giveUp()
    }
  }
}
