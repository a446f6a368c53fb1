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

/** What every node is given. */
export const VARIABLES = { HEADCOUNT_ADMIN_SECRET: 'the-secret-of-these-tests', HEADCOUNT_CLUSTER_SECRET: 'the-secret-of-these-nodes' }
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
  #options
  #turn = 0
  /** Those that run. @type {Server[]} */
  nodes = []

  /** @param {string[]} options of each node */
  static async start(...options) {
    const cluster = new Cluster()
    cluster.#options = options
    cluster.broker = await Broker.start()
    for (const name of ['one', 'two', 'three']) cluster.nodes.push(await cluster.#run(name))
    cluster.edge = await roundRobin(cluster.nodes.map(({ url }) => new URL(url).host), 'location = / { return 200; }')
    cluster.url = cluster.edge.url
    await cluster.each('three nodes', async (node) => (await cluster.list(node)).length === 3)
    return cluster
  }

  async #run(name, ...more) {
    const joins = ['--cluster', `nats://127.0.0.1:${this.broker.port}`, '--node-name', name]
    const node = await Server.run(['serve', '--ephemeral', ...joins, ...this.#options, ...more], VARIABLES)
    return Object.assign(node, { name })
  }

  get secret() {
    return VARIABLES.HEADCOUNT_ADMIN_SECRET
  }

  /** The nodes one after the other, without end. */
  next() {
    this.#turn += 1
    return this.nodes[this.#turn % this.nodes.length]
  }

  /** Kills a node, and runs one at its address. */
  async replace(node) {
    await this.kill(node)
    this.nodes.push(await this.#run(node.name, '--listen', new URL(node.url).host))
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

/**
 * nginx that hands each request to the next of these, WebSockets too.
 *
 * @param {string[]} hosts host and port of each
 * @param {string} [more] what nginx shall do besides
 */
export function roundRobin(hosts, more = '') {
  const upstream = hosts.map((host) => `server ${host} max_fails=0;`).join(' ')
  return Edge.start('nginx', (port) => `
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  upstream nodes { ${upstream} }
  server {
    listen 127.0.0.1:${port};
    ${more}
    location / {
      proxy_pass http://nodes; proxy_http_version 1.1; proxy_buffering off; proxy_read_timeout 60s;
      proxy_set_header Host $http_host; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
    }
  }`)
}
