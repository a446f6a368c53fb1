// Debian's WebKitGTK, the engine of Safari, by WebKitWebDriver, on a virtual display.
//
// The driver answers and tells nothing by itself. So a page says to its site that it was loaded, and what failed in it: the site puts
// `watch.tag` into each.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { freePort } from '../edge.mjs'
import { LACKS, Page } from './page.mjs'
import { Program } from './programs.mjs'
import { Session } from './webdriver.mjs'

/** Pages may open windows, as in the other engines. */
const ARGUMENTS = ['--automation', '--enable-page-cache=true', '--javascript-can-open-windows-automatically=true']
const DRIVER = 'WebKitWebDriver'
/** Another program may take the port that was free. */
const PORTS_TRIED = 4

export const name = 'WebKit'
/** What tests ask for that this engine cannot do here, and why. */
export const lacks = {
  ...LACKS,
  dialogs: 'WebKitWebDriver answers the question of a page that is left by itself',
  offline: 'WebKitWebDriver cannot take a browser off the network',
}

/** @type {Map<string, WebKitPage>} Each page by what its window is called. */
const pages = new Map()

/** What a site does so that pages can be watched. */
export const watch = {
  tag: '<script src="/__window/watch.js"></script>',
  /** @param {string} path of a request @param {string} [cookie] its cookies @returns {string | undefined} a script */
  answer(path, cookie) {
    const [, said, window, text = ''] = /^\/__window\/([\w.]+)(?:\/(\w+))?(?:\?(.*))?$/.exec(path) ?? []
    if (said === 'watch.js') return `${WATCH}(${JSON.stringify(/\b__window=(\w+)/.exec(cookie)?.[1])})`
    const page = pages.get(window)
    if (said === 'loaded') page?.emit('domcontentloaded')
    if (said === 'failed') page?.emit('pageerror', new Error(decodeURIComponent(text)))
    if (said === 'warned') page?.emit('console', { type: () => 'warning', text: () => decodeURIComponent(text) })
    return said && (said === 'loaded' ? page?.prepared ?? '' : '')
  },
}
/**
 * By script tags, which the strictest policy of these tests allows. A page of another origin than the last one has lost the name of its window, and goes by
 * the cookie that the visitor's latest window left.
 */
const WATCH = `((latest) => {
  const say = (what) => {
    const script = document.createElement('script')
    script.src = '/__window/' + what
    document.head.append(script)
    script.remove()
  }
  const called = name || (self === top && !opener && latest)
  if (called) {
    document.write('<script src="/__window/loaded/' + called + '"></scr' + 'ipt>')
    const failed = (error) => say('failed/' + called + '?' + encodeURIComponent(error))
    addEventListener('error', ({ message }) => { if (message) failed(message) })
    addEventListener('unhandledrejection', ({ reason }) => failed(reason))
    const { warn } = console
    console.warn = (...texts) => {
      warn(...texts)
      say('warned/' + called + '?' + encodeURIComponent(texts.join(' ')))
    }
  }
})`

export async function launch() {
  const display = new Program('Xvfb', ['-displayfd', '3', '-screen', '0', '1280x1024x24', '-nolisten', 'tcp'])
  const [number] = await display.says(/^\d+$/m)
  return new WebKit(display, `:${number}`)
}

export function newVisitor(browser) {
  return browser.newContext()
}

class WebKit {
  #display
  #name
  #version
  /** @type {Visitor[]} */
  #visitors = []

  constructor(display, name) {
    this.#display = display
    this.#name = name
  }

  version() { return this.#version }
  contexts() { return [...this.#visitors] }

  async newContext() {
    const visitor = await Visitor.start(this.#name, () => { this.#visitors = this.#visitors.filter((other) => other !== visitor) })
    this.#version = visitor.version
    this.#visitors.push(visitor)
    return visitor
  }

  close() { return this.#display.end() }
}

/** A driver with a browser, which keeps nothing. */
class Visitor {
  #driver
  #folder
  #session
  #forget
  #windows = 0
  cookies = []

  static async start(display, forget) {
    const visitor = new Visitor()
    visitor.#forget = forget
    visitor.#folder = await mkdtemp(join(tmpdir(), 'headcount-webkit-'))
    const env = { ...process.env, DISPLAY: display, GDK_BACKEND: 'x11', GTK_A11Y: 'none', HOME: visitor.#folder, LIBGL_ALWAYS_SOFTWARE: '1', NO_AT_BRIDGE: '1', XDG_RUNTIME_DIR: visitor.#folder }
    try {
      const url = await visitor.#start(env)
      visitor.#session = await Session.open(url, { 'acceptInsecureCerts': true, 'webkitgtk:browserOptions': { args: ARGUMENTS } })
    } catch (error) {
      await visitor.close()
      throw error
    }
    return visitor
  }

  async #start(env) {
    for (let tried = 1; ; tried += 1) {
      const port = await freePort()
      const url = `http://127.0.0.1:${port}`
      this.#driver = new Program(DRIVER, ['-p', String(port)], { env })
      try {
        await this.#driver.answers(() => fetch(`${url}/status`))
        return url
      } catch (error) {
        await this.#driver.end()
        if (tried === PORTS_TRIED) throw error
      }
    }
  }

  async newPage() {
    const window = await this.#session.window()
    const called = `w${this.#folder.replace(/\W/g, '')}${this.#windows += 1}`
    const page = new WebKitPage(this, this.#session, window, called)
    pages.set(called, page)
    return page
  }

  addCookies(cookies) { this.cookies.push(...cookies) }

  async close() {
    await this.#session?.close().catch(() => {})
    await this.#driver.end()
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 })
    this.#forget()
  }
}

class WebKitPage extends Page {
  /** What its site runs in it first. */
  prepared = ''

  constructor(visitor, session, window, called) {
    const ask = (method, path, body) => session.in(window, method, path, body)
    let isCalled = false
    super({
      prepare: (script) => { this.prepared += `;(${script})()` },
      async goto(url) {
        if (!isCalled) {
          isCalled = true
          await ask('POST', 'url', { url: new URL('/__window/empty', url).href })
          await session.run(window, `window.name = '${called}'`)
          for (const { name, value } of [...visitor.cookies, { name: '__window', value: called }]) await ask('POST', 'cookie', { cookie: { name, value } })
        }
        await ask('POST', 'url', { url })
      },
      back: () => ask('POST', 'back'),
      reload: () => ask('POST', 'refresh'),
      close: () => ask('DELETE', 'window'),
      run: (source) => session.run(window, source),
      act: (actions) => ask('POST', 'actions', { actions }),
      choose: (source, [path]) => session.type(window, source, path),
    })
  }
}
