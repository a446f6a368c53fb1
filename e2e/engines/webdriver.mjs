// WebDriver as WebKit speaks it: a request for each command, about the window that was chosen last. https://www.w3.org/TR/webdriver2/

const ANSWER_WITHIN_MS = 60_000
const CLOSE_WITHIN_MS = 5_000
const ELEMENT = 'element-6066-11e4-a52e-4f735466cecf'

/** One browser. */
export class Session {
  #url
  #window
  /** The window that is there from the start, once it was asked for. */
  #first
  /** What a window is asked waits for what another one was asked before. */
  #last = Promise.resolve()

  /** @param {string} driver where it listens @param {object} capabilities */
  static async open(driver, capabilities) {
    const { sessionId } = await send(`${driver}/session`, 'POST', { capabilities: { alwaysMatch: capabilities } })
    const session = new Session()
    session.#url = `${driver}/session/${sessionId}`
    await session.command('POST', 'timeouts', { pageLoad: 20_000, script: 20_000 })
    return session
  }

  /** @returns {Promise<any>} */
  command(method, path, body) {
    return send(`${this.#url}/${path}`, method, body)
  }

  /** The same about this window. */
  in(window, method, path, body) {
    const done = this.#last.then(async () => {
      if (this.#window !== window) await this.command('POST', 'window', { handle: window })
      this.#window = window
      return this.command(method, path, body)
    })
    this.#last = done.catch(() => {})
    return done
  }

  /** The first window is there already; another one is asked for. */
  async window() {
    if (!this.#first) return this.#first = this.command('GET', 'window/handles').then(([first]) => this.#window = first)
    await this.#first
    return (await this.in(this.#window, 'POST', 'window/new', { type: 'window' })).handle
  }

  async run(window, source) {
    return JSON.parse(await this.in(window, 'POST', 'execute/sync', { script: `return (async () => JSON.stringify(await (${source})) ?? null)()`, args: [] }))
  }

  async type(window, source, text) {
    const element = await this.in(window, 'POST', 'execute/sync', { script: `return ${source}`, args: [] })
    await this.in(window, 'POST', `element/${element[ELEMENT]}/value`, { text })
  }

  /** Ends the browser. One that hangs ends with its driver. */
  close() { return send(this.#url, 'DELETE', undefined, CLOSE_WITHIN_MS) }
}

async function send(url, method, body, within_ms = ANSWER_WITHIN_MS) {
  const answer = await fetch(url, {
    method,
    headers: { 'content-type': 'application/json' },
    body: method === 'POST' ? JSON.stringify(body ?? {}) : undefined,
    signal: AbortSignal.timeout(within_ms),
  })
  const { value } = await answer.json()
  if (!answer.ok) throw new Error(`${method} ${url}: ${value.error}: ${value.message}`)
  return value
}
