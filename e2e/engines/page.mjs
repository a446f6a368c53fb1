// A page of a browser that playwright-core does not drive, with the part of its interface that the client's tests use. What stands behind it
// is a window: an object that can run a function in a page, and move a pointer and press keys as a person does. Elements are found and waited for
// here, so that an engine needs no more than that.

import { EventEmitter } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { until } from '../wait.mjs'
import { aim, choose, find } from './elements.mjs'

/** What tests ask for that this interface, or both engines behind it, cannot do, and why. */
export const LACKS = {
  editContext: 'it has no EditContext',
  popups: 'the interface in page.mjs has no event for windows that pages open',
  playwright: 'the interface in page.mjs is a part of that of playwright-core',
  processes: 'its processes are not told',
  patience: 'what takes half a minute is tried in Chromium',
  routes: 'requests are answered in the place of the site by playwright-core alone',
}

/** The keys of WebDriver that have a name. */
const KEYS = { Backspace: '\uE003', Tab: '\uE004', Enter: '\uE007', Shift: '\uE008', Control: '\uE009', Alt: '\uE00A', Escape: '\uE00C', PageUp: '\uE00E', PageDown: '\uE00F', End: '\uE010', Home: '\uE011', ArrowLeft: '\uE012', ArrowUp: '\uE013', ArrowRight: '\uE014', ArrowDown: '\uE015', Delete: '\uE017' }

/**
 * @typedef {object} Window what an engine gives
 * @property {(script: string) => unknown} prepare has a function run in each page from now on, before its scripts
 * @property {(url: string) => Promise<unknown>} goto ends when the page has loaded
 * @property {() => Promise<unknown>} back
 * @property {() => Promise<unknown>} reload ends when the page has loaded
 * @property {() => Promise<unknown>} close
 * @property {(source: string) => Promise<unknown>} run the value of an expression in the page
 * @property {(actions: object[]) => Promise<unknown>} act input sources as WebDriver writes them
 * @property {(source: string, paths: string[]) => Promise<unknown>} choose the files of the field that the expression finds
 */

/** Emits `domcontentloaded`, `pageerror`, and what more its engine knows of. */
export class Page extends EventEmitter {
  #window

  /** @param {Window} window */
  constructor(window) {
    super()
    this.#window = window
    this.keyboard = new Keyboard(window)
    this.mouse = new Mouse(window)
  }

  async addInitScript(script) { await this.#window.prepare(String(script)) }
  goto(url) { return this.#window.goto(url) }
  goBack() { return this.#window.back() }
  reload() { return this.#window.reload() }
  close() { return this.#window.close() }
  url() { return this.evaluate(() => location.href) }

  /** What the function says in the page. Both what it is given and what it says pass as JSON; `undefined` becomes `null`. */
  evaluate(run, ...given) {
    return this.#window.run(call(run, given))
  }

  /** Runs `run` with the elements that are sought, and with more. */
  with(sought, run, ...given) {
    return this.#window.run(`(${run})((${find})(${JSON.stringify(sought)})${given.map((value) => `, ${JSON.stringify(value)}`).join('')})`)
  }

  locator(css) { return new Locator(this, { css }) }
  getByText(text) { return new Locator(this, { text }) }
  frameLocator(frame) { return { locator: (css) => new Locator(this, { css, frame }) } }

  /** Buttons only. */
  getByRole(role, { name, exact = false }) {
    if (role !== 'button') throw new Error(`e2e/engines/elements.mjs finds buttons, and no ${role}`)
    const is = name instanceof RegExp ? 'pattern' : exact ? 'equal' : 'part'
    return new Locator(this, { name: { text: name instanceof RegExp ? name.source : name, is } })
  }

  click(css, options) { return this.locator(css).click(options) }
  fill(css, text) { return this.locator(css).fill(text) }
  textContent(css) { return this.with({ css }, ([element]) => element?.textContent) }
  inputValue(css) { return this.with({ css }, ([element]) => element?.value) }

  waitForURL(wanted) {
    const fits = typeof wanted === 'function' ? (url) => wanted(new URL(url)) : (url) => url.endsWith(wanted.replace(/^\*\*/, ''))
    return until(`the page ${wanted}`, () => this.url().catch(() => 'about:blank'), fits)
  }

  /** Chooses a file, by a real one of this name. */
  async setInputFiles(css, { name, buffer }) {
    const folder = await mkdtemp(join(tmpdir(), 'headcount-file-'))
    const path = join(folder, name)
    await writeFile(path, buffer)
    await this.#window.choose(`(${find})(${JSON.stringify({ css })})[0]`, [path])
    await rm(folder, { recursive: true })
  }
}

class Locator {
  #page
  #sought

  constructor(page, sought) {
    this.#page = page
    this.#sought = sought
  }

  /** All methods mean the first. */
  first() { return this }
  count() { return this.#with((found) => found.length) }

  /** With `trial`, only waits until a click would reach it. */
  async click({ trial = false } = {}) {
    const at = await this.waitFor()
    if (trial) return
    await this.#page.mouse.move(at.x, at.y)
    await this.#page.mouse.click()
  }

  /** Until it can be seen and nothing covers it. */
  waitFor() {
    return until(`${JSON.stringify(this.#sought)} where it can be clicked`, () => this.#with(aim).catch(() => null), (at) => at !== null)
  }

  /** As a person does who selects all and types. */
  async fill(text) {
    await until(`the field ${JSON.stringify(this.#sought)}`, () => this.#with(choose).catch(() => false), (isThere) => isThere)
    await this.#page.keyboard.type(text)
  }

  async pressSequentially(text) {
    await until(`the field ${JSON.stringify(this.#sought)}`, () => this.#with(([element]) => { element?.focus(); return element !== undefined }).catch(() => false), (isThere) => isThere)
    await this.#page.keyboard.type(text)
  }

  boundingBox() {
    return this.#with(([element]) => {
      const { x, y, width, height } = element.getBoundingClientRect()
      return { x, y, width, height }
    })
  }

  #with(run) { return this.#page.with(this.#sought, run) }
}

class Keyboard {
  #window

  constructor(window) { this.#window = window }

  async type(text) { await this.#keys([...text].flatMap((letter) => [down(letter), up(letter)])) }

  /** `Enter`, `Control+a`. */
  async press(names) {
    const values = names.split('+').map((name) => KEYS[name] ?? name)
    await this.#keys([...values.map(down), ...values.reverse().map(up)])
  }

  #keys(actions) { return this.#window.act([{ type: 'key', id: 'keys', actions }]) }
}

class Mouse {
  #window
  #at = { x: 0, y: 0 }

  constructor(window) { this.#window = window }

  move(x, y) {
    this.#at = { x: Math.round(x), y: Math.round(y) }
    return this.#pointer({ type: 'pointerMove', ...this.#at, duration: 0 })
  }
  down() { return this.#pointer({ type: 'pointerDown', button: 0 }) }
  up() { return this.#pointer({ type: 'pointerUp', button: 0 }) }
  click() { return this.#pointer({ type: 'pointerDown', button: 0 }, { type: 'pointerUp', button: 0 }) }

  wheel(deltaX, deltaY) {
    return this.#window.act([{ type: 'wheel', id: 'wheel', actions: [{ type: 'scroll', ...this.#at, deltaX, deltaY, duration: 0 }] }])
  }

  #pointer(...actions) { return this.#window.act([{ type: 'pointer', id: 'mouse', parameters: { pointerType: 'mouse' }, actions }]) }
}

const down = (value) => ({ type: 'keyDown', value })
const up = (value) => ({ type: 'keyUp', value })
const call = (run, given) => `(${run})(${given.map((value) => JSON.stringify(value) ?? 'undefined').join(', ')})`
