// Follows a page in a shell as a reader would: one directory, one home, the variables of the block before, and the binary as
// `headcount`.
//
// A block that ends with `headcount serve` or `nats-server` goes on beside the following ones, as in a second terminal, and is stopped with SIGTERM.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

import { freePort } from './edge.mjs'
import { binary } from './harness.mjs'
import { inTime, until } from './wait.mjs'

const BLOCK_WITHIN_MS = 30_000
const AGENT = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
const SERVES = /^((?:\w+=\S+(?:\([^)]*\))? )*)((?:headcount serve|nats-server)\b.*(?:\\\n.*)*)\n$/m
/** What the reader's machine has, and nothing of this one's. */
const VARIABLES = { PATH: process.env.PATH, LANG: 'C.UTF-8' }

export class Shell {
  #folder
  #ports
  /** @type {{ child: import('node:child_process').ChildProcess, said: string[], exited: Promise<any[]> }[]} */
  #servers = []
  #tabs = new AbortController()
  #open = 0

  static async open() {
    const shell = new Shell()
    shell.#folder = await realpath(await mkdtemp(join(tmpdir(), 'headcount-reader-')))
    shell.#ports = [await freePort(), await freePort(), await freePort()]
    for (const name of ['bin', 'home', 'here']) await mkdir(join(shell.#folder, name))
    await symlink(resolve(await binary()), join(shell.#folder, 'bin/headcount'))
    await writeFile(join(shell.#folder, 'variables'), '')
    return shell
  }

  /** URL of the server of this page. */
  get url() {
    return `http://127.0.0.1:${this.#ports[0]}`
  }

  /** Runs a block. What it says, on stdout and stderr. @param {string} text @param {{ mayFail?: boolean }} [options] */
  async run(text, { mayFail = false } = {}) {
    const block = text.replaceAll('4477', String(this.#ports[0])).replaceAll('4478', String(this.#ports[1])).replaceAll('4222', String(this.#ports[2])).replace(/\b0\.0\.0\.0\b/g, '127.0.0.1')
    const serves = SERVES.exec(block)
    if (!mayFail && serves) return this.#serve(block.slice(0, serves.index), serves[1], serves[2])
    const { child, said, exited } = this.#bash(`set -e\n${block}\nexport -p > ../variables`)
    const [code] = await inTime(`a block to end:\n${block}`, exited, BLOCK_WITHIN_MS).finally(() => child.kill('SIGKILL'))
    if (code !== 0 && !mayFail) throw new Error(`ended with ${code}:\n${block}\n${said.join('')}`)
    return said.join('')
  }

  async #serve(before, variables, command) {
    const server = this.#bash(`set -e\n${before}\nexport -p > ../variables\n${variables}exec ${command}`)
    this.#servers.unshift(server)
    const said = await until(`a server that listens:\n${command}`, () => ({ said: server.said.join(''), code: server.child.exitCode }),
      ({ said, code }) => /listening on|Server is ready/.test(said) || code !== null, BLOCK_WITHIN_MS)
    if (said.code !== null) throw new Error(`ended with ${said.code}:\n${command}\n${said.said}`)
    await appendFile(join(this.#folder, 'variables'), `declare -x SERVER_PID="${server.child.pid}"\n`)
    return said.said
  }

  #bash(script) {
    const env = { ...VARIABLES, PATH: `${join(this.#folder, 'bin')}:${VARIABLES.PATH}`, HOME: join(this.#folder, 'home'), HEADCOUNT_LISTEN: `127.0.0.1:${this.#ports[0]}`, HEADCOUNT_URL: this.url }
    const child = spawn('bash', ['-c', `. ../variables\n${script}`], { cwd: join(this.#folder, 'here'), env, stdio: ['ignore', 'pipe', 'pipe'] })
    const said = []
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece) => said.push(String(piece)))
    return { child, said, exited: once(child, 'close') }
  }

  /** Opens tabs on the server, until the end. @param {{ version: string, route: string, count: number }[]} tabs */
  async openTabs(tabs) {
    for (const { version, route, count } of tabs) {
      for (let opened = 0; opened < count; opened += 1) {
        const query = new URLSearchParams({ v: version, route, tab: `reader-tab-${this.#open += 1}` })
        const answer = await fetch(`${this.url}/__skew/sse?${query}`, { headers: { 'user-agent': AGENT }, signal: this.#tabs.signal })
        const stream = answer.body.getReader()
        await stream.read() // It is counted once it is told that it is connected.
        void drained(stream)
      }
    }
  }

  /** Each server that still runs ends well. */
  async close() {
    this.#tabs.abort()
    try {
      for (const { child, said, exited } of this.#servers) {
        child.kill('SIGTERM')
        const [code] = await inTime('a server to drain and exit', exited, BLOCK_WITHIN_MS)
        // A nats-server ends with 1 when it is told to.
        if (code !== 0 && !said.join('').includes('Server is ready')) throw new Error(`a server ended with ${code}:\n${said.join('')}`)
      }
    } finally {
      for (const { child } of this.#servers) child.kill('SIGKILL')
      await rm(this.#folder, { recursive: true })
    }
  }
}

async function drained(stream) {
  try {
    for (let done = false; !done;) ({ done } = await stream.read())
  } catch {
    // Aborted at the end of the test.
  }
}
