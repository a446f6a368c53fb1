// Three headcounts that share a broker, and nginx in front of them, which hands each request to the next one.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { Edge, freePort } from './edge.mjs'
import { Server } from './harness.mjs'
import { inTime, until } from './wait.mjs'

const VARIABLES = { HEADCOUNT_ADMIN_SECRET: 'the-secret-of-these-tests', HEADCOUNT_CLUSTER_SECRET: 'the-secret-of-these-nodes' }
const START_WITHIN_MS = 10_000

/** A nats-server that runs. One that is not installed is an error: `cargo xtask test` installs it. */
export class Broker {
  #child
  #folder

  static async start() {
    const broker = new Broker()
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
    this.#child = spawn('nats-server', ['-a', '127.0.0.1', '-p', String(this.port), '-js', '-sd', this.#folder], { stdio: ['ignore', 'ignore', 'pipe'] })
    this.#child.on('error', (error) => said.push(`${error}: cargo xtask test installs nats-server`))
    this.#child.stderr.on('data', (piece) => said.push(String(piece)))
    await until('the broker to listen', () => this.#listens(), (listens) => listens || said.some((line) => /error/i.test(line)), START_WITHIN_MS)
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

/** A cluster. `url` is nginx's. */
export class Cluster {
  /** @param {string[]} options of each node */
  static async start(...options) {
    const cluster = new Cluster()
    cluster.broker = await Broker.start()
    cluster.nodes = []
    for (const name of ['one', 'two', 'three']) {
      const joins = ['--cluster', `nats://127.0.0.1:${cluster.broker.port}`, '--node-name', name]
      cluster.nodes.push(await Server.run(['serve', '--ephemeral', ...joins, ...options], VARIABLES))
    }
    const upstream = cluster.nodes.map(({ url }) => `server ${new URL(url).host};`).join(' ')
    cluster.edge = await Edge.start('nginx', (port) => `
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  upstream nodes { ${upstream} }
  server {
    listen 127.0.0.1:${port};
    location = / { return 200; }
    location / {
      proxy_pass http://nodes; proxy_http_version 1.1; proxy_buffering off; proxy_read_timeout 60s;
      proxy_set_header Host $http_host; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
    }
  }`)
    cluster.url = cluster.edge.url
    await cluster.each('three nodes', async (node) => (await cluster.list(node)).length === 3)
    return cluster
  }

  /** The nodes that one of them sees. */
  async list(node) {
    const answer = await fetch(`${node.url}/api/admin/nodes`, { headers: { authorization: `Bearer ${node.secret}` } })
    return (await answer.json()).nodes
  }

  /** Waits until something holds at every node. */
  async each(what, holds, within_ms = undefined) {
    for (const node of this.nodes) await until(`${what} at each node`, () => holds(node), Boolean, within_ms)
  }

  /** Kills a node, as when a machine goes. */
  async kill(node) {
    this.nodes.splice(this.nodes.indexOf(node), 1)
    await node.kill()
  }

  /** Stops a node, as an operator would. */
  async stopNode(node) {
    this.nodes.splice(this.nodes.indexOf(node), 1)
    await node.stop()
  }

  async stop() {
    await this.edge?.stop()
    await Promise.all(this.nodes.map((node) => node.stop()))
    await this.broker.stop()
  }
}
