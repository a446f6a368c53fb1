// The example app, built with `nuxt build`, as a process of its own.
//
// One build serves every test: what differs between two deployments (build id, transport, where headcount is) is runtime
// configuration, and set by environment variables, as in production.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import { inTime, until } from './wait.mjs'

export const EXAMPLE = fileURLToPath(new URL('../examples/nuxt', import.meta.url))
const ENTRY = `${EXAMPLE}/.output/server/index.mjs`
const START_WITHIN_MS = 20_000
const STOP_WITHIN_MS = 10_000

/** A secret that the app's own admin endpoints take. */
export const APP_SECRET = 'the-secret-of-the-app'

const VARIABLES = {
  HOST: '127.0.0.1',
  ADMIN_SECRET: APP_SECRET,
  NUXT_SESSION_PASSWORD: 'a-password-of-at-least-32-characters',
}

/** A process that says where it listens. */
export class App {
  #child
  #exited
  /** Everything it said, line by line. @type {string[]} */
  lines = []

  /**
   * The built app. It listens on a port of the system's choice, unless `PORT` names one.
   *
   * @param {Record<string, string>} [variables]
   */
  static async start(variables = {}) {
    await access(ENTRY).catch(() => {
      throw new Error('the example is not built: npm run build in packages/client, packages/nuxt and examples/nuxt')
    })
    return App.run(process.execPath, [ENTRY], { PORT: '0', ...variables })
  }

  /**
   * @param {string} command
   * @param {string[]} args
   * @param {Record<string, string>} variables
   * @param {RegExp} [listening] what says where it listens
   */
  static async run(command, args, variables, listening = /Listening on (http:\/\/\S+)/) {
    const app = new App(command, args, { ...process.env, ...VARIABLES, ...variables })
    const said = await until(
      'the app to say where it listens',
      () => ({ url: listening.exec(app.output)?.[1], code: app.#child.exitCode, output: app.output }),
      ({ url, code }) => url !== undefined || code !== null,
      variables.START_WITHIN_MS ? Number(variables.START_WITHIN_MS) : START_WITHIN_MS,
    ).catch(async (error) => {
      await app.kill()
      throw error
    })
    if (said.url === undefined) throw new Error(`the app ended with ${said.code}:\n${said.output}`)
    // Browsers keep secure cookies to TLS, with one exception: this machine by this name.
    app.url = `http://localhost:${new URL(said.url).port}`
    return app
  }

  constructor(command, args, env) {
    this.#child = spawn(command, args, { env, cwd: EXAMPLE, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    this.#exited = once(this.#child, 'exit')
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => this.lines.push(line))
    }
  }

  get output() {
    return this.lines.join('\n')
  }

  get port() {
    return new URL(this.url).port
  }

  /** SIGTERM, and the end of it soon. */
  async stop() {
    this.#signal('SIGTERM')
    try {
      await inTime(`the app to end:\n${this.output}`, this.#exited, STOP_WITHIN_MS)
    } finally {
      this.#signal('SIGKILL')
    }
  }

  /** SIGKILL, to it and to what it started. */
  async kill() {
    this.#signal('SIGKILL')
    await this.#exited
  }

  #signal(signal) {
    try {
      process.kill(-this.#child.pid, signal)
    } catch (error) {
      if (error.code !== 'ESRCH') throw error // It ended by itself.
    }
  }
}
