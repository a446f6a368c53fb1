// headcount and the example app, as they are deployed: one process of each, or three of each behind load balancers.

import { begin } from './begin.mjs'
import { Cluster, roundRobin } from './cluster.mjs'
import { Server } from './harness.mjs'
import { App } from './nuxt.mjs'

const SECRET = 'the-secret-of-these-tests'
const OPTIONS = ['--authorize-bridge', '--ip-tracking', 'true', '--trusted-proxy', '127.0.0.0/8']

/** One headcount and one instance of the app. */
export class OneOfEach {
  #server
  #app
  #variables

  /** @param {Record<string, string>} variables of the app */
  static start(variables) {
    const site = new OneOfEach()
    return begin(site, async () => {
      site.#server = await serve()
      site.#variables = { ...variables, HEADCOUNT_URL: site.headcount, HEADCOUNT_ADMIN_SECRET: SECRET }
      site.#app = await App.start(site.#variables)
    })
  }

  /** Of the app. */
  get url() { return this.#app.url }
  get headcount() { return this.#server.url }

  stats() { return this.#server.stats() }

  command(endpoint, body) { return this.#server.command(endpoint, body) }

  /** headcount is killed, and runs again. */
  async killHeadcount() {
    const { port } = new URL(this.headcount)
    await this.#server.kill()
    this.#server = await serve('--listen', `127.0.0.1:${port}`)
  }

  /** The app is killed, and runs again. */
  async killApp() {
    await this.#app.kill()
    this.#app = await App.start({ ...this.#variables, PORT: this.#app.port })
  }

  /** The app is stopped, and runs again with these variables. */
  async deploy(variables) {
    Object.assign(this.#variables, variables)
    await this.#app.stop()
    this.#app = await App.start({ ...this.#variables, PORT: this.#app.port })
  }

  async stop() {
    await this.#app?.stop()
    await this.#server?.stop()
  }
}

/** Three nodes of headcount and three instances of the app. Each request goes to the next one, at both. */
export class ThreeOfEach {
  #cluster
  #apps = []
  #edge
  #variables

  /** @param {Record<string, string>} variables of each instance of the app */
  static start(variables) {
    const site = new ThreeOfEach()
    return begin(site, async () => {
      site.#cluster = await Cluster.start(...OPTIONS)
      site.#variables = { ...variables, HEADCOUNT_URL: site.headcount, HEADCOUNT_ADMIN_SECRET: site.#cluster.secret }
      const apps = await Promise.allSettled([1, 2, 3].map(() => App.start(site.#variables)))
      site.#apps = apps.flatMap(({ value }) => value ?? [])
      for (const { reason } of apps) if (reason) throw reason
      site.#edge = await roundRobin(site.#apps.map(({ port }) => `127.0.0.1:${port}`))
    })
  }

  get url() { return this.#edge.url }
  get headcount() { return this.#cluster.url }

  stats() { return this.#cluster.next().stats() }

  command(endpoint, body) { return this.#cluster.next().command(endpoint, body) }

  /** A node is killed, and runs again. */
  killHeadcount() { return this.#cluster.replace(this.#cluster.next()) }

  /** An instance of the app is killed, and runs again. */
  async killApp() {
    const [first, ...others] = this.#apps
    await first.kill()
    this.#apps = [...others, await App.start({ ...this.#variables, PORT: first.port })]
  }

  /** All instances of the app are stopped one by one, and run again with these variables. */
  async deploy(variables) {
    Object.assign(this.#variables, variables)
    for (const app of this.#apps.splice(0)) {
      await app.stop()
      this.#apps.push(await App.start({ ...this.#variables, PORT: app.port }))
    }
  }

  async stop() {
    await Promise.all(this.#apps.map((app) => app.stop()))
    await this.#edge?.stop()
    await this.#cluster?.stop()
  }
}

function serve(...args) {
  return Server.run(['serve', '--ephemeral', ...OPTIONS, ...args], { HEADCOUNT_ADMIN_SECRET: SECRET })
}
