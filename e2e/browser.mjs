// Debian's Chromium, driven by playwright-core.
//
// `CHROMIUM` names another binary than /usr/bin/chromium. The user agent is that of an ordinary Chrome: headless
// Chromium calls itself HeadlessChrome, and headcount leaves robots out of the counts.

import { chromium } from 'playwright-core'

const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium'

// The sandbox needs privileges that containers lack; the rest keeps the browser from calling home behind our backs.
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  // A page that a test answers itself comes from no address, and Chromium then refuses it a WebSocket to this machine.
  '--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/**
 * @param {string[]} [without] what playwright-core would tell the browser, and should not
 * @returns {Promise<import('playwright-core').Browser>}
 */
export function launchBrowser(without = []) {
  return chromium.launch({ executablePath: EXECUTABLE, headless: true, args: ARGUMENTS, ignoreDefaultArgs: without })
}

/**
 * A browser of its own: separate cookies, separate storage, as a second person's would be.
 *
 * @param {import('playwright-core').Browser} browser
 */
export function newVisitor(browser) {
  const major = browser.version().split('.')[0]
  return browser.newContext({
    ignoreHTTPSErrors: true, // Sites of these tests make their own certificates.
    userAgent: `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${major}.0.0.0 Safari/537.36`,
  })
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
