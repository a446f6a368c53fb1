// Debian's Firefox ESR, by WebDriver BiDi, which it speaks itself. `FIREFOX` names another binary than /usr/bin/firefox-esr.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { Bidi } from './bidi.mjs'
import { LACKS, Page } from './page.mjs'
import { Program } from './programs.mjs'

const EXECUTABLE = process.env.FIREFOX ?? '/usr/bin/firefox-esr'

/** No calls home, no first pages, and no waiting where a test ends it. */
const PREFERENCES = {
  'app.normandy.enabled': false,
  'app.update.disabledForTesting': true,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.page': 0,
  'browser.startup.homepage_override.mstone': 'ignore',
  'datareporting.policy.dataSubmissionEnabled': false,
  'dom.disable_open_during_load': false,
  'dom.min_background_timeout_value': 0,
  'extensions.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'remote.prefs.recommended': true,
  'services.settings.server': 'data:,',
  'toolkit.telemetry.server': '',
}

const FAILED = 'failed'
/** Tells what a page did not catch. The log has that too, and much more that is no error of the page. */
function telling(failed) {
  addEventListener('error', ({ message }) => { if (message) failed(message) })
  addEventListener('unhandledrejection', ({ reason }) => failed(String(reason)))
}

export const name = 'Firefox'
/** What tests ask for that this engine cannot do here, and why. */
export const lacks = {
  ...LACKS,
  cachedStreams: 'a page that has a stream open while it is left is not kept in the back/forward cache',
}
export const watch = undefined

export function launch() {
  return Firefox.launch()
}

export function newVisitor(browser) {
  return browser.newContext()
}

class Firefox {
  #bidi
  #folder
  #program
  #version
  /** @type {Visitor[]} */
  #visitors = []

  static async launch() {
    const firefox = new Firefox()
    firefox.#folder = await mkdtemp(join(tmpdir(), 'headcount-firefox-'))
    const lines = Object.entries(PREFERENCES).map(([key, value]) => `user_pref(${JSON.stringify(key)}, ${JSON.stringify(value)});\n`)
    await writeFile(join(firefox.#folder, 'user.js'), lines.join(''))
    const env = { ...process.env, HOME: firefox.#folder, MOZ_CRASHREPORTER_DISABLE: '1' }
    firefox.#program = new Program(EXECUTABLE, ['--headless', '--no-remote', '--profile', firefox.#folder, '--remote-debugging-port', '0'], { env })
    try {
      const [, url] = await firefox.#program.says(/WebDriver BiDi listening on (ws:\S+)/)
      firefox.#bidi = await Bidi.connect(`${url}/session`)
      const { capabilities } = await firefox.#bidi.send('session.new', {
        capabilities: { alwaysMatch: { acceptInsecureCerts: true, unhandledPromptBehavior: { default: 'ignore' } } },
      })
      firefox.#version = capabilities.browserVersion
      const events = ['browsingContext.domContentLoaded', 'browsingContext.userPromptOpened', 'log.entryAdded', 'script.message']
      await firefox.#bidi.send('session.subscribe', { events })
      await firefox.#bidi.send('script.addPreloadScript', { functionDeclaration: String(telling), arguments: [{ type: 'channel', value: { channel: FAILED } }] })
    } catch (error) {
      await firefox.close()
      throw error
    }
    return firefox
  }

  version() { return this.#version }
  contexts() { return [...this.#visitors] }

  async newContext() {
    const { userContext } = await this.#bidi.send('browser.createUserContext', { acceptInsecureCerts: true })
    const visitor = new Visitor(this.#bidi, userContext, () => { this.#visitors = this.#visitors.filter((other) => other !== visitor) })
    this.#visitors.push(visitor)
    return visitor
  }

  async close() {
    this.#bidi?.close()
    await this.#program.end()
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** Its own cookies and its own storage. */
class Visitor {
  #bidi
  #userContext
  #forget

  constructor(bidi, userContext, forget) {
    this.#bidi = bidi
    this.#userContext = userContext
    this.#forget = forget
  }

  async newPage() {
    // A window, not a tab: a page that another one covers is hidden.
    const { context } = await this.#bidi.send('browsingContext.create', { type: 'window', userContext: this.#userContext })
    return new FirefoxPage(this.#bidi, context)
  }

  async addCookies(cookies) {
    for (const { name, value, url } of cookies) {
      const cookie = { name, value: { type: 'string', value }, domain: new URL(url).hostname }
      await this.#bidi.send('storage.setCookie', { cookie, partition: { type: 'storageKey', userContext: this.#userContext } })
    }
  }

  setOffline(isOffline) {
    const networkConditions = isOffline ? { type: 'offline' } : null
    return this.#bidi.send('emulation.setNetworkConditions', { networkConditions, userContexts: [this.#userContext] })
  }

  async close() {
    await this.#bidi.send('browser.removeUserContext', { userContext: this.#userContext })
    this.#forget()
  }
}

class FirefoxPage extends Page {
  constructor(bidi, context) {
    super(windowOf(bidi, context))
    bidi.on('log.entryAdded', ({ type, method, text, source }) => {
      if (type === 'console' && source.context === context) this.emit('console', { type: () => method === 'warn' ? 'warning' : method, text: () => text })
    })
    bidi.on('browsingContext.domContentLoaded', (of) => { if (of.context === context && of.url !== 'about:blank') this.emit('domcontentloaded') })
    bidi.on('script.message', ({ channel, data, source }) => {
      if (channel === FAILED && source.context === context) this.emit('pageerror', new Error(data.value))
    })
    bidi.on('browsingContext.userPromptOpened', (of) => {
      if (of.context !== context) return
      const answer = (accept) => () => bidi.send('browsingContext.handleUserPrompt', { context, accept })
      this.emit('dialog', { accept: answer(true), dismiss: answer(false) })
    })
  }
}

/** @returns {import('./page.mjs').Window} */
function windowOf(bidi, context) {
  const call = async (functionDeclaration, more = {}) => {
    const told = await bidi.send('script.callFunction', { functionDeclaration, target: { context }, awaitPromise: true, ...more })
    if (told.type === 'exception') throw new Error(told.exceptionDetails.text)
    return told.result
  }
  return {
    prepare: (script) => bidi.send('script.addPreloadScript', { functionDeclaration: script, contexts: [context] }),
    goto: (url) => bidi.send('browsingContext.navigate', { context, url, wait: 'complete' }),
    back: () => bidi.send('browsingContext.traverseHistory', { context, delta: -1 }),
    reload: () => bidi.send('browsingContext.reload', { context, wait: 'complete' }),
    close: () => bidi.send('browsingContext.close', { context }),
    run: async (source) => JSON.parse((await call(`async () => JSON.stringify(await (${source})) ?? null`)).value ?? null),
    act: (actions) => bidi.send('input.performActions', { context, actions }),
    choose: async (source, files) => {
      const { sharedId } = await call(`() => ${source}`)
      await bidi.send('input.setFiles', { context, element: { sharedId }, files })
    },
  }
}
