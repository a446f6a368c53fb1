// Somebody who asks each node again and again, and keeps what it said and when: the numbers of a cluster at every moment.

import { setTimeout as pause } from 'node:timers/promises'

import { WebSocket } from 'ws'

const EVERY_MS = 20
/** For how long a tab that changes its node may be counted twice, or not at all. */
const SETTLED_WITHIN_MS = 1_000

/** @typedef {{ asked_ms: number, at_ms: number, total: number, nodes: { answered: number, of: number }, routes: Record<string, number> }} Sample */

/** Watches the totals of one node: what it answers, and what it sends to a subscriber. */
export class Watcher {
  /** @type {Sample[]} */
  answers = []
  /** @type {Sample[]} */
  sent = []
  #node
  #socket
  #ends = false
  #asking

  /** @param {import('./harness.mjs').Server} node whose stats anyone may see */
  constructor(node) {
    this.#node = node
    this.#asking = this.#ask()
    this.#socket = new WebSocket(`${node.url.replace('http', 'ws')}/__skew/ws?route=/watcher`, { headers: { 'user-agent': 'Mozilla/5.0 Firefox/140.0' } })
    this.#socket.on('error', () => {})
    this.#socket.on('open', () => this.#socket.send(JSON.stringify({ type: 'subscribe-stats', connections: false })))
    this.#socket.on('message', (data) => {
      const { type, total, routes } = JSON.parse(String(data))
      const at_ms = performance.now()
      if (type === 'stats') this.sent.push({ asked_ms: at_ms, at_ms, total, routes })
    })
  }

  async #ask() {
    while (!this.#ends) {
      const asked_ms = performance.now()
      const said = await this.#node.stats().catch(() => undefined)
      if (said) this.answers.push({ asked_ms, at_ms: performance.now(), total: said.total, nodes: said.nodes, routes: said.routes })
      await pause(EVERY_MS)
    }
  }

  /**
   * The samples that are wrong, of those that were asked for from `from_ms` to `to_ms`. A tab that moves may be counted twice or not at all for a
   * second; every other one is counted once.
   *
   * @param {import('./visitors.mjs').Visitors} visitors the truth
   * @param {number} watchers who are counted besides
   * @returns {Sample[]}
   */
  wrong(visitors, watchers, from_ms, to_ms = Infinity) {
    return [...this.answers, ...this.sent].filter((sample) => {
      const { fewest, most, came } = visitors.between(sample.asked_ms - SETTLED_WITHIN_MS, sample.at_ms)
      const isRight = sample.total >= fewest + watchers - came && sample.total <= most + watchers + came
      return sample.asked_ms >= from_ms && sample.asked_ms < to_ms && !isRight
    })
  }

  /** How long after a moment the last sample came that was not as it should be, milliseconds. @param {(sample: Sample) => boolean} isRight */
  settled(from_ms, isRight) {
    const wrong = [...this.answers, ...this.sent].filter((sample) => sample.at_ms > from_ms && !isRight(sample)).map(({ at_ms }) => at_ms)
    return wrong.length ? Math.max(...wrong) - from_ms : 0
  }

  async stop() {
    this.#ends = true
    this.#socket.terminate()
    await this.#asking
  }
}
