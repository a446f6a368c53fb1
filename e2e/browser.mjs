// The browser that tests drive, and its tabs.
//
// `ENGINE` names it: `chromium`, which is the default and runs every test; `firefox` and `webkit`, which run those of the client. What they
// have in common is a part of playwright-core's interface (`engines/page.mjs`).

import assert from 'node:assert/strict'

import { until } from './wait.mjs'

const engine = await import(`./engines/${process.env.ENGINE ?? 'chromium'}.mjs`)

/** What a site puts into its pages for an engine that tells nothing by itself. */
export const { watch } = engine

/**
 * @param {string[]} [without] what playwright-core would tell Chromium, and should not
 * @returns {Promise<import('playwright-core').Browser>}
 */
export const launchBrowser = engine.launch

/**
 * A separate browser: its own cookies and storage, as a second person's would have.
 *
 * @type {(browser: import('playwright-core').Browser) => Promise<import('playwright-core').BrowserContext>}
 */
export const newVisitor = engine.newVisitor

/**
 * Options of a test that needs means which not every engine has: it is left out where one is missing, and the report says why.
 *
 * @param {...('dialogs' | 'editContext' | 'offline' | 'patience' | 'playwright' | 'popups' | 'processes' | 'routes')} means
 */
export function needs(...means) {
  const missing = means.filter((one) => one in engine.lacks)
  return missing.length > 0 ? { skip: `${engine.name}: ${missing.map((one) => engine.lacks[one]).join('; ')}` } : {}
}

/**
 * One tab, and how often it loaded a page. `loads` counts what a person would see: every document, reloads included,
 * but no pushState.
 */
export class Tab {
  /** @param {import('playwright-core').Page} page */
  constructor(page) {
    this.page = page
    this.loads = 0
    /** @type {string[]} */
    this.errors = []
    page.on('domcontentloaded', () => { this.loads += 1 })
    page.on('pageerror', (error) => this.errors.push(String(error)))
  }

  /**
   * @param {import('playwright-core').BrowserContext} visitor
   * @param {string} url
   */
  static async open(visitor, url) {
    const tab = new Tab(await visitor.newPage())
    await tab.page.goto(url)
    return tab
  }

  /**
   * The page was loaded so many times by now. A page may be counted by the server before the browser says that it has read its document: that
   * one is waited for.
   *
   * @param {number} times
   */
  async loaded(times) {
    await until(`${times} page loads`, () => this.loads, (loads) => loads >= times)
    assert.equal(this.loads, times, 'page loads')
  }

  /** Follows the first link to `path`, as a click would. @param {string} path */
  async follow(path) {
    await this.page.locator(`a[href="${path}"]`).first().click()
    await this.page.waitForURL((url) => url.pathname === path)
  }

  close() {
    return this.page.close()
  }
}

/**
 * Opens `url` as a tab that still runs the build `version`: the server hands out its current build with each page, in a
 * cookie and in the markup, so the first answer is passed on with the old one in both places. The next load is an
 * ordinary one.
 *
 * @param {import('playwright-core').BrowserContext} visitor
 * @param {string} url
 * @param {string} version
 */
export async function openOldTab(visitor, url, version) {
  await visitor.addCookies([{ name: '__nkpv', value: version, url }])
  const tab = new Tab(await visitor.newPage())
  await tab.page.route(url, async (route) => {
    const answer = await fetch(url)
    const body = (await answer.text()).replace(/data-version="[^"]*"/, `data-version="${version}"`)
    await route.fulfill({ status: answer.status, contentType: 'text/html; charset=utf-8', body })
  }, { times: 1 })
  await tab.page.goto(url)
  return tab
}
