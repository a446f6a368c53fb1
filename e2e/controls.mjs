// Pages of which its user does one thing: it is work, which holds a refresh until it is saved, or it is only looked at.

import { test } from 'node:test'

import { needs, newVisitor, Tab } from './browser.mjs'
import { browser, counted, loaded, server, site } from './stage.mjs'
import { until } from './wait.mjs'

/**
 * A test for each: what its user does holds a refresh, and ends with `end`.
 *
 * @param {Record<string, [body: string, act: (page: import('playwright-core').Page) => Promise<unknown>, end?: () => void]>} pages
 */
export function hold(pages) {
  for (const [name, [body, act, end = () => window.headcount.saved()]] of Object.entries(pages)) {
    test(`${name} holds a refresh`, needs('playwright'), async () => {
      const tab = await open(body)
      await act(tab.page)
      const { id } = await server.command('invalidate-route', { route: '/a' })
      await until('the tab to hold', async () => (await server.invalidation(id)).outcomes, ({ held, reloaded }) => held === 1 && reloaded === 0)
      await tab.page.evaluate(end)
      await loaded([[tab, 2]])
    })
  }
}

/**
 * A test for each: what its user does holds nothing.
 *
 * @param {Record<string, [body: string, act: (page: import('playwright-core').Page) => Promise<unknown>]>} pages
 */
export function pass(pages) {
  for (const [name, [body, act]] of Object.entries(pages)) {
    test(`${name} holds nothing`, needs('playwright'), async () => {
      const tab = await open(body)
      await act(tab.page)
      await server.command('invalidate-route', { route: '/a' })
      await loaded([[tab, 2]])
    })
  }
}

/** The pointer is pressed on `selector`, moved, and let go. */
export async function drag(page, selector, right, down) {
  const { x, y, height } = await page.locator(selector).first().boundingBox()
  await page.mouse.move(x + 4, y + height / 2)
  await page.mouse.down()
  await page.mouse.move(x + 4 + right, y + height / 2 + down, { steps: 5 })
  await page.mouse.up()
}

/** Keys that are pressed in `#s`. */
export const press = (...keys) => async (page) => {
  await page.focus('#s')
  for (const key of keys) await page.keyboard.press(key)
}

export const click = (...all) => async (page) => { for (const one of all) await page.click(one) }

async function open(body) {
  site.body = body
  const tab = await Tab.open(await newVisitor(browser), `${site.url}/a`)
  await counted({ total: 1 })
  return tab
}
