// What the tests of the board do with its page, and what they read on it.

import assert from 'node:assert/strict'

import { until } from './wait.mjs'

// What was asked of the server comes to the screen at its own pace, of up to two seconds.
const SHOWN_WITHIN_MS = 15_000

/** The list of connections shows those on this route. */
export async function only(page, route) {
  await page.getByLabel('On this page only').fill(route)
  await page.keyboard.press('Enter')
}

/** Waits until the first of these is visible. */
export function shown(locator) {
  return locator.first().waitFor({ state: 'visible', timeout: SHOWN_WITHIN_MS })
}

/** Waits until the figure of this name has this value, and this note beside it unless that is empty. */
export function figure(page, name, value, note = '') {
  const box = page.locator('.figures dl > div', { has: page.getByText(name, { exact: true }) })
  return until(`${name}: ${value} ${note}`, () => box.locator('dd').allInnerTexts(), ([said, beside]) => said === value && (note === '' || beside === note), SHOWN_WITHIN_MS)
}

/** The rows of a panel that hold this text. */
export function row(page, panel, name) {
  return page.locator(`#${panel} tbody tr`, { has: page.getByText(name, { exact: true }) })
}

/** Waits until a rule has these outcomes: counts by their class names. */
export function outcomes(rule, expected) {
  const read = async () => Object.fromEntries(await Promise.all(Object.keys(expected).map(async (name) => [name, await rule.locator(`.outcomes .${name} dd`).innerText()])))
  return until('the outcomes', read, (found) => Object.entries(expected).every(([name, value]) => found[name] === value), SHOWN_WITHIN_MS)
}

/** Goes on by the Tab key until that control has the focus, and sees that this can be seen. */
export async function focus(page, name) {
  const wanted = typeof name === 'string' ? page.getByLabel(name, { exact: true }) : page.getByRole('button', { name })
  for (let press = 0; press < 200; press += 1) {
    await page.keyboard.press('Tab')
    if (!await wanted.first().evaluate((element) => element === document.activeElement)) continue
    assert.notEqual(await wanted.first().evaluate((element) => getComputedStyle(element).outlineStyle), 'none')
    return
  }
  assert.fail(`Tab never came to ${name}`)
}
