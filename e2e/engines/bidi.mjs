// WebDriver BiDi, as far as these tests need it: commands with their answers, and events. https://w3c.github.io/webdriver-bidi/

import { EventEmitter, once } from 'node:events'

import { WebSocket } from 'ws'

import { inTime } from '../wait.mjs'

const ANSWER_WITHIN_MS = 60_000

/** Emits each event by its method, with its parameters. */
export class Bidi extends EventEmitter {
  #socket
  #last = 0
  /** @type {Map<number, (answer: object) => void>} */
  #asked = new Map()

  /** @param {string} url */
  static async connect(url) {
    const bidi = new Bidi()
    bidi.setMaxListeners(0) // Each window listens.
    bidi.#socket = new WebSocket(url)
    bidi.#socket.on('message', (text) => bidi.#hear(JSON.parse(String(text))))
    await once(bidi.#socket, 'open')
    return bidi
  }

  /** @returns {Promise<any>} */
  async send(method, params = {}) {
    const id = this.#last += 1
    const answered = new Promise((resolve) => { this.#asked.set(id, resolve) })
    this.#socket.send(JSON.stringify({ id, method, params }))
    const { error, message, result } = await inTime(`an answer to ${method}`, answered, ANSWER_WITHIN_MS)
    if (error) throw new Error(`${method}: ${error}: ${message}`)
    return result
  }

  close() { this.#socket.close() }

  #hear(message) {
    if (message.type === 'event') return this.emit(message.method, message.params)
    this.#asked.get(message.id)?.(message)
    this.#asked.delete(message.id)
  }
}
