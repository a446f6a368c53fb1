// Parts of the browser client that are loaded when needed: when they are, and what happens where they are gone.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { newVisitor, Tab } from './browser.mjs'
import { browser, counted, loaded, server, site } from './stage.mjs'
import { until } from './wait.mjs'

/** A counted tab. */
async function open() {
  const tab = await Tab.open(await newVisitor(browser), `${site.url}/a`)
  await counted({ total: 1 })
  return tab
}

/** The parts that were given. One comes at once in a browser that does not tell a page where it goes. */
const parts = () => site.parts.filter((part) => part !== 'wrapping').sort()
const ask = () => server.command('invalidations', { match: { exact: '/a' }, audience: 'all', mode: 'prompt' })
const reload = ({ page }) => page.getByRole('button', { name: 'Reload', exact: true })
const plain = ({ page }) => page.getByRole('button', { name: /save and reload/ })

describe('the question', () => {
  test('is loaded by no page that is asked nothing', async () => {
    const tab = await open()
    await server.command('invalidate-route', { route: '/a' })
    await loaded([[tab, 2]])
    await counted({ total: 1 })
    assert.deepEqual(parts(), [])
  })

  test('is loaded when there is a question, under a strict policy as well', async () => {
    site.policy = "default-src 'none'; script-src 'self'; connect-src 'self'"
    const tab = await open()
    await ask()
    await reload(tab).click()
    await loaded([[tab, 2]])
    assert.deepEqual(parts(), ['question'])
    assert.deepEqual(tab.errors, [])
  })

  test('is there for who typed before the files of that build went', async () => {
    const tab = await open()
    await tab.page.fill('[name=name]', 'half a sentence')
    await until('the question', parts, (parts) => parts.length === 1)
    site.hasParts = false
    await ask()
    await reload(tab).waitFor()
    assert.deepEqual(parts(), ['question'])
  })

  for (const policy of ['', "default-src 'none'; script-src 'self'; connect-src 'self'"]) {
    test(`is asked by a plain button where it is gone, with the policy "${policy}"`, async () => {
      site.policy = policy
      site.hasParts = false
      const tab = await open()
      await tab.page.evaluate(() => { window.headcount.on('prompt', ({ command }) => { window.asked = command.id }) })
      const { id } = await ask()
      await plain(tab).waitFor()
      assert.equal(await tab.page.evaluate(() => window.asked), id)
      await plain(tab).click()
      await loaded([[tab, 2]])
      assert.deepEqual(tab.errors, [])
    })
  }
})

test('the package loads its own parts', async () => {
  site.script = `<script type="module">
    import { createHeadcount } from '/dist/index.js'
    window.headcount = createHeadcount({ version: 'v2' })
  </script>`
  const tab = await open()
  await ask()
  await reload(tab).waitFor()
  await tab.page.evaluate(() => { window.headcount.subscribe() })
  await until('numbers', () => tab.page.evaluate(() => window.headcount.stats?.total), (total) => total === 1)
  assert.deepEqual(parts(), ['question', 'refreshing', 'subscription'])
})

test('the refresh of a page whose files are gone is the one that the server has', async () => {
  site.script = '<script type="module">import { createHeadcount } from "/dist/index.js"; createHeadcount({ version: "v2" })</script>'
  site.hasParts = false
  const tab = await open()
  await server.command('invalidate-route', { route: '/a' })
  await loaded([[tab, 2]])
  assert.deepEqual(tab.errors, [])
})

test('a page that can load no refresh asks its user, who gets the page', async () => {
  site.hasParts = false
  site.hasRefresh = false
  const tab = await open()
  const { id } = await server.command('invalidate-route', { route: '/a' })
  await plain(tab).click()
  await loaded([[tab, 2]])
  await until('the return', async () => (await server.invalidation(id)).outcomes, ({ told, gone }) => told === 1 && gone <= 1)
})

test('the server has every part that its script names', async () => {
  const script = await (await fetch(`${server.url}/__skew/client.js`)).text()
  const parts = [...new Set([...script.matchAll(/import\(["'`]\.\/([^"'`]+)["'`]\)/g)].map(([, part]) => part))]
  assert.equal(parts.length, 5)
  for (const part of parts) {
    const answer = await fetch(`${server.url}/__skew/${part}`)
    assert.deepEqual([answer.status, answer.headers.get('content-type')], [200, 'text/javascript; charset=utf-8'], part)
  }
})
