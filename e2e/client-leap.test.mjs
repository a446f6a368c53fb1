// A refresh looks before it leaps: no tab is left on an error page, none reloads in vain, and no form is posted again.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { needs, newVisitor, Tab } from './browser.mjs'
import { browser, counted, loaded, looks, outcome, server, site } from './stage.mjs'

/** Looks come at growing intervals. */
const LOOKED_WITHIN_MS = 30_000

for (const transport of ['websocket', 'sse']) {
  const means = transport === 'sse' ? needs('patience') : {}
  describe(`over ${transport}`, () => {
    test('while the app answers 503 the tab stays, says that it waits, and goes when the app is well', means, async () => {
      const tab = await open(transport, '/a?step=2#pay')
      site.status = 503
      const { id } = await server.command('invalidate-route', { route: '/a' })
      await outcome(id, { waiting: 1, reloaded: 0 })
      await looks(3, LOOKED_WITHIN_MS)
      await tab.loaded(1)
      assert.equal(await tab.page.textContent('h1'), 'v2')
      site.status = 200
      await loaded([[tab, 2]], LOOKED_WITHIN_MS)
      assert.equal(await tab.page.url(), `${site.url}/a?step=2#pay`)
      await outcome(id, { waiting: 0, reloaded: 1 })
    })

    test('while an old instance answers the tab waits without a reload, and goes when the new one does', means, async () => {
      site.version = 'v1'
      const tab = await open(transport, '/a')
      const { id } = await server.command('invalidations', { match: { exact: '/a' } })
      await outcome(id, { waiting: 1, stuck: 0 })
      await looks(3, LOOKED_WITHIN_MS)
      await tab.loaded(1)
      site.version = 'v2'
      await loaded([[tab, 2]], LOOKED_WITHIN_MS)
      await counted({ versions: { v2: 1 } })
      await outcome(id, { waiting: 0, reloaded: 1, stuck: 0 })
    })
  })
}

test('a page of the package says its build in a meta', async () => {
  site.script = `<meta name="headcount-version" content="v1"><script type="module">
    import { createHeadcount } from '/dist/index.js'
    window.headcount = createHeadcount({ version: 'v1' })
  </script>`
  const tab = await open('websocket', '/a')
  const { id } = await server.command('invalidations', { match: { exact: '/a' } })
  await outcome(id, { waiting: 1 })
  await looks(2, LOOKED_WITHIN_MS)
  await tab.loaded(1)
  site.script = site.script.replaceAll('v1', 'v2')
  await loaded([[tab, 2]], LOOKED_WITHIN_MS)
})

test('one old answer that could not be told does not burn the tab', needs('patience'), async () => {
  site.script = `<script type="module">
    import { createHeadcount } from '/dist/index.js'
    window.headcount = createHeadcount({ version: 'v1' })
  </script>`
  const tab = await open('websocket', '/a')
  const { id } = await server.command('invalidations', { match: { exact: '/a' } })
  await loaded([[tab, 2]])
  await outcome(id, { waiting: 1, stuck: 0 })
  site.script = site.script.replace("'v1'", "'v2'")
  await loaded([[tab, 3]], 45_000)
  await counted({ versions: { v2: 1 } })
})

test('a policy that forbids the look does not keep a tab from going', async () => {
  site.policy = `default-src 'none'; script-src 'self'; connect-src ${site.url}/__skew/ ${site.url.replace('http', 'ws')}/__skew/`
  const tab = await open('websocket', '/a')
  await server.command('invalidate-route', { route: '/a' })
  await loaded([[tab, 2]])
})

describe('a page that answers a form', () => {
  // An application that replaces the state of the entry makes the browser forget the form, so it does so in one case alone.
  for (const [hash, keeps] of [['', false], ['#receipt', false], ['#receipt', true]]) {
    test(`is got, not posted again, with its query and "${hash}", and in the same place of the history${keeps ? ' with its state' : ''}`, async () => {
      site.body = `<form id="buy" method="post" action="/checkout?order=1${hash}"><button id="pay">Buy</button></form>`
      const tab = await open('websocket', '/a')
      await tab.page.click('#pay')
      await tab.page.waitForURL(`**/checkout?order=1${hash}`)
      await counted({ routes: { '/checkout': 1 } })
      const length = await tab.page.evaluate(() => history.length)
      if (keeps) await tab.page.evaluate(() => history.replaceState({ kept: 'yes' }, ''))
      const { id } = await server.command('invalidate-route', { route: '/checkout' })
      await loaded([[tab, 3]])
      await outcome(id, { reloaded: 1 })
      assert.deepEqual(site.asked.filter((asked) => asked.startsWith('POST')), ['POST /checkout?order=1'])
      assert.equal(await tab.page.url(), `${site.url}/checkout?order=1${hash}`)
      assert.deepEqual(await tab.page.evaluate(() => [history.length, history.state?.kept ?? 'none']), [length, keeps ? 'yes' : 'none'])
    })
  }

  test('and cannot be got is left to its user, who may go', needs('patience'), async () => {
    site.body = '<form id="buy" method="post" action="/checkout"><button id="pay">Buy</button></form>'
    const tab = await open('websocket', '/a')
    await tab.page.click('#pay')
    await counted({ routes: { '/checkout': 1 } })
    site.status = 405
    const { id } = await server.command('invalidate-route', { route: '/checkout' })
    await outcome(id, { waiting: 1 })
    await outcome(id, { prompted: 1 }, 90_000)
    await tab.loaded(2)
    assert.equal(site.asked.filter((asked) => asked.startsWith('POST')).length, 1)
    await tab.page.getByRole('button', { name: 'Reload', exact: true }).waitFor()
  })
})

/** A counted tab over this transport. */
async function open(transport, path) {
  site.attributes = `data-transport="${transport}"`
  const tab = await Tab.open(await newVisitor(browser), `${site.url}${path}`)
  await counted({ total: 1 })
  return tab
}
