// The real binary as a child process.
//
// `HEADCOUNT_BIN` names the binary; without it, the one that `cargo build` left in the workspace's target directory. The
// server picks its port and says on stderr where it listens; its admin secret is `HEADCOUNT_ADMIN_SECRET` where that is
// set, else the one it prints. It is stopped as an operator would stop it, with SIGTERM to its own process, and an exit
// code other than 0 fails the test that used it.

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { inTime, until } from './wait.mjs'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('..', import.meta.url))
// The server refuses variables that it does not know.
const { HEADCOUNT_BIN, ...withoutBinary } = process.env
const START_WITHIN_MS = 15_000
// The drain window is 10 s by default; an instance with a handful of tabs needs a small part of it.
const STOP_WITHIN_MS = 20_000

/** Where the binary is. */
export async function binary() {
  if (HEADCOUNT_BIN) return HEADCOUNT_BIN
  const { stdout } = await run('cargo', ['metadata', '--no-deps', '--format-version', '1'], {
    cwd: ROOT,
    maxBuffer: 16 * 1024 * 1024,
  })
  return join(JSON.parse(stdout).target_directory, 'debug', 'headcount')
}

/** A running headcount. */
export class Server {
  /**
   * Starts one on a port of the system's choice, unless `args` name one.
   *
   * @template {typeof Server} T
   * @this {T}
   * @param {string[]} args the command and its options
   * @param {Record<string, string>} [variables]
   * @param {string} [secret] its admin secret, where that is in a file
   * @param {string[]} [program] another binary than that of the workspace, behind what runs it
   * @returns {Promise<InstanceType<T>>}
   */
  static async run(args, variables = {}, secret = undefined, program = undefined) {
    const listen = args.includes('--listen') ? [] : ['--listen', '127.0.0.1:0']
    const [path, ...before] = program ?? [await binary()]
    const server = new this(path, [...before, ...args, ...listen], { ...withoutBinary, ...variables }, secret)
    try {
      await server.#ready()
    } catch (error) {
      server.#child.kill('SIGKILL')
      throw error
    }
    return server
  }

  #child
  #exited
  #secret
  /** @type {string[]} */
  #lines = []

  constructor(path, args, env, secret = env.HEADCOUNT_ADMIN_SECRET) {
    this.#secret = secret
    this.#child = spawn(path, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#exited = once(this.#child, 'exit')
    this.#exited.catch((error) => this.#lines.push(String(error))) // Not there, or not executable.
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => this.#lines.push(line))
    }
  }

  /** Everything it said so far. */
  get output() {
    return this.#lines.join('\n')
  }

  async #ready() {
    const said = await until(
      'the address and the admin secret that the server prints',
      () => ({ url: this.#said(/listening on (http:\/\/\S+?)\/?(\s|$)/m), secret: this.#secret ?? this.#said(/admin secret:\s*(\S+)/), output: this.output }),
      ({ url, secret }) => (url !== undefined && secret !== undefined) || this.#child.exitCode !== null,
      START_WITHIN_MS,
    )
    if (said.url === undefined || said.secret === undefined) {
      throw new Error(`the server ended with ${this.#child.exitCode}:\n${said.output}`)
    }
    this.url = said.url
    this.secret = said.secret
  }

  /** @param {RegExp} pattern */
  #said(pattern) {
    return pattern.exec(this.output)?.[1]
  }

  /** `GET /api/admin/stats`. @returns {Promise<{total: number, versions: Record<string, number>, routes: Record<string, number>}>} */
  async stats() {
    const answer = await fetch(`${this.url}/api/admin/stats`, { headers: { authorization: `Bearer ${this.secret}` } })
    if (!answer.ok) throw new Error(`GET /api/admin/stats: ${answer.status} ${await answer.text()}`)
    return answer.json()
  }

  /** The name of the cookie that carries a ticket of this server. */
  async ticketCookie() {
    const answer = await fetch(`${this.url}/api/admin/session`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ secret: this.secret }),
    })
    return answer.headers.getSetCookie()[0].split('=')[0]
  }

  /** The standing rule of this number, as `GET /api/admin/invalidations` lists it. @param {number} id */
  async invalidation(id) {
    const answer = await fetch(`${this.url}/api/admin/invalidations`, { headers: { authorization: `Bearer ${this.secret}` } })
    const rule = (await answer.json()).invalidations.find((found) => found.id === id)
    if (rule === undefined) throw new Error(`rule ${id} does not stand`)
    return rule
  }

  /** `GET /api/admin/` and the rest of the endpoint. @param {string} endpoint */
  async list(endpoint) {
    const answer = await fetch(`${this.url}/api/admin/${endpoint}`, { headers: { authorization: `Bearer ${this.secret}` } })
    if (!answer.ok) throw new Error(`GET ${endpoint}: ${answer.status} ${await answer.text()}`)
    return answer.json()
  }

  /**
   * The curl line of nuxt-skew-protection, as someone would paste it.
   *
   * @param {string} route
   */
  async invalidateRoute(route) {
    const { stdout } = await run('curl', [
      '-sS', '-X', 'POST', `${this.url}/api/admin/invalidate-route`,
      '-H', 'Content-Type: application/json',
      '-d', JSON.stringify({ route, secret: this.secret }),
    ])
    return JSON.parse(stdout)
  }

  /**
   * `POST /api/admin/` and the rest of the endpoint.
   *
   * @param {string} endpoint
   * @param {object} body
   */
  async command(endpoint, body) {
    const answer = await fetch(`${this.url}/api/admin/${endpoint}`, {
      method: 'POST',
      headers: { 'authorization': `Bearer ${this.secret}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    if (!answer.ok) throw new Error(`POST ${endpoint}: ${answer.status} ${await answer.text()}`)
    return answer.json()
  }

  /** SIGSTOP, as when a machine is paused: it holds its sockets and does nothing. */
  freeze() {
    this.#child.kill('SIGSTOP')
  }

  /** It goes on. */
  thaw() {
    this.#child.kill('SIGCONT')
  }

  /** SIGKILL, as when a machine goes. */
  async kill() {
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  /** SIGTERM, and exit code 0 within the drain window. */
  async stop() {
    this.#child.kill('SIGTERM')
    try {
      const [code, signal] = await inTime('the server to drain and exit', this.#exited, STOP_WITHIN_MS)
      if (code !== 0) throw new Error(`the server ended with ${code ?? signal} after SIGTERM:\n${this.output}`)
    } finally {
      this.#child.kill('SIGKILL')
    }
  }
}

/** A running `headcount demo`. */
export class Demo extends Server {
  /** The link to the board that it prints, with the secret in it. */
  get board() {
    const link = /the board\s+(http\S+)/.exec(this.output)?.[1]
    if (link === undefined) throw new Error(`no board in this binary:\n${this.output}`)
    return link
  }

  /**
   * Announces no releases by itself.
   *
   * @param {{ visitors: number, nodes?: number }} options
   * @param {Record<string, string>} [variables]
   */
  static start({ visitors, nodes = 1 }, variables = {}) {
    return Demo.run(['demo', '--roll', '0', '--visitors', String(visitors), '--nodes', String(nodes)], variables)
  }
}
