// A browser that keeps its profile, with an extension that does what its user does with tabs: duplicates one, reopens one that was closed, ends the
// browser and has it bring back what was open.

import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { Tab } from './browser.mjs'
import { launchKept } from './engines/chromium.mjs'
import { inTime, until } from './wait.mjs'

const DIST = new URL('../packages/client/dist/', import.meta.url)
const END_WITHIN_MS = 15_000
const MANIFEST = {
  manifest_version: 3, name: 'tabs', version: '1', permissions: ['tabs', 'sessions'], background: { service_worker: 'worker.js' },
}

export class KeptBrowser {
  #folder
  #context

  /** @param {(folder: string) => Promise<void>} [more] writes more files of the extension */
  static async start(more = async () => {}) {
    const browser = new KeptBrowser()
    browser.#folder = await mkdtemp(join(tmpdir(), 'headcount-kept-'))
    const extension = browser.#extension
    await mkdir(extension)
    await writeFile(join(extension, 'manifest.json'), JSON.stringify(MANIFEST))
    await writeFile(join(extension, 'worker.js'), '')
    await more(extension)
    await browser.#launch()
    return browser
  }

  get #extension() {
    return join(this.#folder, 'extension')
  }

  async #launch(...more) {
    this.#context = await launchKept({ profile: join(this.#folder, 'profile'), extension: this.#extension, more })
  }

  /** Where the extension's pages are. */
  async origin() {
    const { protocol, host } = new URL((await this.#worker()).url()) // Node says no origin for such a scheme.
    return `${protocol}//${host}`
  }

  async #worker() {
    return this.#context.serviceWorkers()[0] ?? this.#context.waitForEvent('serviceworker')
  }

  /** Opens `url`. */
  open(url) {
    return Tab.open(this.#context, url)
  }

  /** The pages of `origin`, in the order in which they came. */
  pages(origin) {
    return this.#context.pages().filter((page) => page.url().startsWith(origin))
  }

  /** Duplicates the first tab at `url`. */
  async duplicate(url) {
    await (await this.#worker()).evaluate(async (url) => {
      const [tab] = await chrome.tabs.query({ url })
      await chrome.tabs.duplicate(tab.id)
    }, url)
  }

  /** Brings back the tab that was closed last. */
  async reopen() {
    await (await this.#worker()).evaluate(() => chrome.sessions.restore())
  }

  /** Ends the browser as its user does, and starts it again with all that was open. Resolves once so many pages of `origin` are there. */
  async restart(origin, pages) {
    const context = this.#context
    const closed = new Promise((resolve) => { context.once('close', resolve) })
    const tools = await context.newCDPSession(context.pages()[0])
    await tools.send('Browser.close').catch(() => {}) // It may end before it answers.
    await inTime('the browser to end', closed, END_WITHIN_MS)
    await this.#launch('--restore-last-session')
    await until(`${pages} pages to be back`, () => this.pages(origin).length, (back) => back === pages, END_WITHIN_MS)
  }

  async stop() {
    await this.#context?.close()
    await rm(this.#folder, { recursive: true, maxRetries: 5 })
  }
}

/** Gives the extension a page with the client. @param {Record<string, string>} attributes of its tag, besides the build */
export function clientPage(attributes) {
  const more = Object.entries(attributes).map(([name, value]) => `${name}="${value}"`).join(' ')
  return async (folder) => {
    await cp(new URL('client.js', DIST), join(folder, 'client.js'))
    await cp(new URL('client', DIST), join(folder, 'client'), { recursive: true }).catch(() => {})
    await writeFile(join(folder, 'page.html'), `<!doctype html><script type="module" src="client.js" data-version="v2" ${more}></script><h1>extension</h1>`)
  }
}
