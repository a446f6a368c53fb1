// Programs that browsers need: started by their path, waited for, and ended by their process alone.

import { spawn } from 'node:child_process'
import { once } from 'node:events'

import { inTime, until } from '../wait.mjs'

const START_WITHIN_MS = 60_000

// A run that is broken off leaves nothing behind.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))

export class Program {
  #child
  #said = ''

  /** @param {string} path @param {string[]} args @param {import('node:child_process').SpawnOptions} [options] */
  constructor(path, args, options = {}) {
    this.#child = spawn(path, args, { stdio: ['ignore', 'pipe', 'pipe', 'pipe'], ...options })
    this.#child.on('error', (error) => { this.#said += `${error}: cargo xtask test says what to install` })
    process.once('exit', this.#kill)
    for (const stream of this.#child.stdio.slice(1)) stream.on('data', (piece) => { this.#said = (this.#said + piece).slice(-65_536) })
  }

  /** What it says that this pattern matches. @param {RegExp} pattern */
  async says(pattern) {
    await until(`${this.#child.spawnfile} to say ${pattern}`, () => this.#said, (said) => pattern.test(said) || this.#hasEnded(), START_WITHIN_MS)
    const match = pattern.exec(this.#said)
    if (!match) throw new Error(`${this.#child.spawnfile} has ended: ${this.#said}`)
    return match
  }

  /** Until it answers. @param {() => Promise<unknown>} ask */
  async answers(ask) {
    const isWell = () => ask().then(() => true, () => false)
    const does = await until(`${this.#child.spawnfile} to answer`, isWell, (does) => does || this.#hasEnded(), START_WITHIN_MS)
    if (!does) throw new Error(`${this.#child.spawnfile} has ended: ${this.#said}`)
  }

  #kill = () => { this.#child.kill('SIGKILL') }

  async end() {
    process.off('exit', this.#kill)
    if (this.#hasEnded()) return
    const ended = once(this.#child, 'exit')
    this.#child.kill()
    await inTime(`${this.#child.spawnfile} to end`, ended).catch(() => this.#child.kill('SIGKILL'))
  }

  #hasEnded() {
    return this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null
  }
}
