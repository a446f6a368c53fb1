// Three headcounts that share a broker, and nginx in front of them, which hands each request to the next one.

import { begin } from './begin.mjs'
import { Broker } from './broker.mjs'
import { Edge } from './edge.mjs'
import { Server } from './harness.mjs'
import { until } from './wait.mjs'

/** What every node is given. */
export const VARIABLES = { HEADCOUNT_ADMIN_SECRET: 'the-secret-of-these-tests', HEADCOUNT_CLUSTER_SECRET: 'the-secret-of-these-nodes' }

/** A cluster. `url` is nginx's, if there is one. */
export class Cluster {
  #options
  #turn = 0
  /** Those that run. @type {Server[]} */
  nodes = []

  /** @param {string[]} options of each node */
  static async start(...options) {
    const cluster = await Cluster.behind(await Broker.start(), ...options)
    return begin(cluster, async () => {
      cluster.edge = await roundRobin(cluster.nodes.map(({ url }) => new URL(url).host), 'location = / { return 200; }')
      cluster.url = cluster.edge.url
    })
  }

  /**
   * Without nginx.
   *
   * @param {Broker | import('./broker.mjs').Trio} broker is stopped with the cluster
   * @param {string[]} options of each node
   */
  static behind(broker, ...options) {
    const cluster = new Cluster()
    cluster.#options = options
    cluster.broker = broker
    return begin(cluster, async () => {
      for (const name of ['one', 'two', 'three']) await cluster.add(name)
      await cluster.each('three nodes', async (node) => (await cluster.list(node)).length === 3)
    })
  }

  /**
   * One more node.
   *
   * @param {string} name
   * @param {{ broker?: string, program?: string[], more?: string[] }} [how] the address of its broker and its binary, if they are others, and further options
   */
  async add(name, { broker = this.broker.url, program, more = [] } = {}) {
    const words = ['serve', '--ephemeral', '--cluster', broker, '--node-name', name, ...this.#options, ...more]
    const node = Object.assign(await Server.run(words, VARIABLES, undefined, program), { name })
    this.nodes.push(node)
    return node
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
    await this.add(node.name, { more: ['--listen', new URL(node.url).host] })
  }

  /** The nodes that one of them sees. */
  async list(node) {
    return (await node.list('nodes')).nodes
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
