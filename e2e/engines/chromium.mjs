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

export const name = 'Chromium'
/** Tests may ask for anything. */
export const lacks = {}
export const watch = undefined

/** @param {string[]} [without] what playwright-core would tell the browser, and should not */
export function launch(without = []) {
  return chromium.launch({ executablePath: EXECUTABLE, headless: true, args: ARGUMENTS, ignoreDefaultArgs: without })
}

/** @param {import('playwright-core').Browser} browser */
export function newVisitor(browser) {
  return browser.newContext({
    ignoreHTTPSErrors: true, // Sites of these tests make their own certificates.
    userAgent: agent(browser.version().split('.')[0]),
  })
}

/**
 * A browser that keeps what it knows in the folder `profile`, with the extension in the folder `extension`. The name of an ordinary
 * Chrome is an argument here, since pages that come with the browser load before it could be told.
 *
 * @param {{ profile: string, extension: string, more?: string[] }} options
 */
export function launchKept({ profile, extension, more = [] }) {
  const extensions = [`--disable-extensions-except=${extension}`, `--load-extension=${extension}`]
  return chromium.launchPersistentContext(profile, {
    executablePath: EXECUTABLE, headless: true, args: [...ARGUMENTS, `--user-agent=${agent(150)}`, ...extensions, ...more],
    ignoreDefaultArgs: ['--disable-extensions', '--disable-component-extensions-with-background-pages'],
  })
}

const agent = (major) => `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${major}.0.0.0 Safari/537.36`
