// The example app and the module's playground, built with `nuxt build`, as separate processes.
//
// One build serves every test: what differs between two deployments (build id, transport, where headcount is) is runtime
// configuration, and set by environment variables, as in production.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, cp, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import { inTime, until } from './wait.mjs'

export const EXAMPLE = fileURLToPath(new URL('../examples/nuxt', import.meta.url))
/** What `nuxt build` made of the module's playground. */
export const PLAYGROUND = fileURLToPath(new URL('../packages/nuxt/playground/.output', import.meta.url))
/** What `nuxt build` made of the example. */
export const BUILT = `${EXAMPLE}/.output`
const CODE = new Set(['.js', '.mjs', '.json'])
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
   * A built app. It listens on a port of the system's choice, unless `PORT` names one.
   *
   * @param {Record<string, string>} [variables]
   * @param {string} [output] what `nuxt build` made; the example's if none is named
   */
  static async start(variables = {}, output = BUILT) {
    const entry = join(output, 'server/index.mjs')
    await access(entry).catch(() => {
      throw new Error(`${entry} is not there: npm run check, in the root of the repository`)
    })
    return App.run(process.execPath, [entry], { PORT: '0', ...variables })
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

/**
 * A build like another, but for the names of its scripts: as after any change, none of the old ones is there.
 *
 * @param {string} output
 * @param {(folder: string) => Promise<void>} use it is gone afterwards
 */
export async function withNextBuild(output, use) {
  const folder = await mkdtemp(join(tmpdir(), 'headcount-build-'))
  try {
    await cp(output, folder, { recursive: true, verbatimSymlinks: true })
    const scripts = join(folder, 'public/_nuxt')
    const old = (await readdir(scripts)).filter((name) => extname(name) === '.js')
    // As long as before: the server knows the size of each file. Names begin with any letter, as their hashes have it.
    const next = new Map(old.map((name) => [name, name.startsWith('_') ? `-${name.slice(1)}` : `_${name.slice(1)}`]))
    const taken = new Set([...old, ...next.values()])
    if (taken.size < 2 * old.length) throw new Error(`scripts of two builds would have one name: ${[...next].flat().join(' ')}`)
    for (const [name, renamed] of next) await rename(join(scripts, name), join(scripts, renamed))
    await rewrite(scripts, next)
    await rewrite(join(folder, 'server/chunks'), next)
    await use(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Renames in all code below a folder. */
async function rewrite(folder, names) {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !CODE.has(extname(entry.name))) continue
    const path = join(entry.parentPath, entry.name)
    let text = await readFile(path, 'utf8')
    for (const [name, renamed] of names) text = text.replaceAll(name, renamed)
    await writeFile(path, text)
  }
}
