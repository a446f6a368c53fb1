// nats-server: one, or three that are one cluster. And as much of a client of NATS as tests need to say what no server of headcount says.

import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { begin } from './begin.mjs'
import { freePort } from './edge.mjs'
import { inTime, until } from './wait.mjs'

const START_WITHIN_MS = 10_000

/** Debian's, the oldest that works, and the newest. */
export const VERSIONS = { oldest: 'nats-server', newest: fileURLToPath(new URL('../target/nats/bin/nats-server', import.meta.url)) }

/** A nats-server that runs. One that is not installed is an error: `cargo xtask test` installs it. */
export class Broker {
  #child
  #folder
  #program
  #more

  /** @param {string} program @param {(broker: Broker) => string} more of its configuration */
  static async start(program = VERSIONS.oldest, more = () => '') {
    const broker = new Broker()
    broker.#program = program
    broker.#more = more
    broker.#folder = await mkdtemp(join(tmpdir(), 'headcount-broker-'))
    broker.port = await freePort()
    await broker.run()
    return broker
  }

  get url() {
    return `nats://127.0.0.1:${this.port}`
  }

  /** Again, with what it has kept. */
  async run() {
    const said = []
    const file = join(this.#folder, 'broker.conf')
    await writeFile(file, `listen: "127.0.0.1:${this.port}"\njetstream { store_dir: "${this.#folder}/store" }\n${this.#more(this)}`)
    this.#child = spawn(this.#program, ['-c', file], { stdio: ['ignore', 'ignore', 'pipe'] })
    this.#child.on('error', (error) => said.push(`[ERR] ${error}: cargo xtask test installs nats-server`))
    this.#child.stderr.on('data', (piece) => said.push(String(piece)))
    const hasEnded = () => this.#child.pid === undefined || this.#child.exitCode !== null
    await until('the broker to listen', () => this.#listens(), (listens) => listens || hasEnded(), START_WITHIN_MS)
    if (!await this.#listens()) throw new Error(said.join(''))
  }

  async #listens() {
    const socket = connect(this.port, '127.0.0.1')
    const listens = await Promise.race([once(socket, 'connect').then(() => true), once(socket, 'error').then(() => false)]).catch(() => false)
    socket.destroy()
    return listens
  }

  /** SIGKILL, as when a machine goes. */
  async kill() {
    const ended = once(this.#child, 'exit')
    if (this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.kill('SIGKILL')) await inTime('the broker to end', ended)
  }

  async stop() {
    await this.kill()
    await rm(this.#folder, { recursive: true, force: true })
  }
}

/** Three brokers that keep the log together. */
export class Trio {
  /** @type {Broker[]} */
  brokers = []

  /** @param {string} program */
  static async start(program) {
    const trio = new Trio()
    const ports = []
    for (let number = 0; number < 3; number += 1) ports.push(await freePort())
    const routes = ports.map((port) => `"nats://127.0.0.1:${port}"`).join(', ')
    return begin(trio, async () => {
      for (const port of ports) {
        const more = (broker) => `server_name: b${broker.port}\ncluster { name: trio, listen: "127.0.0.1:${port}", routes: [${routes}] }\n`
        trio.brokers.push(await Broker.start(program, more))
      }
    })
  }

  get url() {
    return this.brokers.map(({ url }) => url).join(',')
  }

  /** The one that leads the stream of the log. */
  async leader() {
    const name = await until('a broker that leads the log', async () => {
      const client = await Client.connect(this.brokers[0].port)
      try {
        const { cluster } = JSON.parse(await client.request('$JS.API.STREAM.INFO.HEADCOUNT_headcount', ''))
        return cluster?.leader
      } catch {
        return undefined
      } finally {
        client.close()
      }
    }, Boolean)
    return this.brokers.find(({ port }) => name === `b${port}`)
  }

  async stop() {
    await Promise.all(this.brokers.map((broker) => broker.stop()))
  }
}

/** A client of NATS. */
export class Client {
  #socket
  #rest = Buffer.alloc(0)
  #heard = new Map()
  #next = 1

  /** @param {number} port */
  static async connect(port) {
    const client = new Client()
    client.#socket = connect(port, '127.0.0.1')
    client.#socket.on('error', () => {})
    client.#socket.on('data', (piece) => client.#read(piece))
    await once(client.#socket, 'connect')
    client.#socket.write('CONNECT {"verbose":false,"echo":false,"headers":true,"protocol":1}\r\nPING\r\n')
    return client
  }

  /** Each message to a subject goes to `heard`. */
  subscribe(subject, heard) {
    const id = this.#next++
    this.#heard.set(String(id), heard)
    this.#socket.write(`SUB ${subject} ${id}\r\n`)
  }

  /** @param {string} subject @param {string | Buffer} body @param {string} [reply] */
  publish(subject, body, reply = '') {
    this.#socket.write(Buffer.concat([Buffer.from(`PUB ${subject} ${reply} ${Buffer.byteLength(body)}\r\n`), Buffer.from(body), Buffer.from('\r\n')]))
  }

  /** What is answered to a message. @returns {Promise<Buffer>} */
  request(subject, body) {
    const inbox = `_INBOX.${randomBytes(8).toString('hex')}`
    const answer = new Promise((resolve) => this.subscribe(inbox, resolve))
    this.publish(subject, body, inbox)
    return inTime(`an answer to ${subject}`, answer, 5_000)
  }

  close() {
    this.#socket.destroy()
  }

  #read(piece) {
    this.#rest = Buffer.concat([this.#rest, piece])
    for (;;) {
      const end = this.#rest.indexOf('\r\n')
      if (end < 0) return
      const words = String(this.#rest.subarray(0, end)).split(' ')
      const isMessage = words[0] === 'MSG' || words[0] === 'HMSG'
      const bytes = isMessage ? Number(words.at(-1)) : 0
      const whole = end + 2 + (isMessage ? bytes + 2 : 0)
      if (this.#rest.length < whole) return
      const headers = words[0] === 'HMSG' ? Number(words.at(-2)) : 0
      const body = this.#rest.subarray(end + 2 + headers, end + 2 + bytes)
      this.#rest = this.#rest.subarray(whole)
      if (words[0] === 'PING') this.#socket.write('PONG\r\n')
      if (isMessage) this.#heard.get(words[2])?.(body)
    }
  }
}
