// Which transport `auto` takes, and what it remembers of that. A WebSocket that does not open may mean many things: only one that is refused
// while everything else gets through is remembered.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { needs, newVisitor, Tab } from './browser.mjs'
import { RETURN_WITHIN_MS, browser, counted, loaded, server, site, startServer } from './stage.mjs'
import { until } from './wait.mjs'

const open = async () => Tab.open(await newVisitor(browser), `${site.url}/a`)
const remembered = (tab) => tab.page.evaluate(() => Object.keys(sessionStorage).filter((key) => key.startsWith('headcount.sse') && sessionStorage.getItem(key)))
/** Waits until it is open over that transport. */
const isOver = (tab, transport, within_ms = RETURN_WITHIN_MS) => until(`it to be open over ${transport}`, async () => {
  const { state, last } = await tab.page.evaluate(() => ({ state: window.headcount.state, last: window.opened?.at(-1) }))
  return state === 'open' && last
}, (last) => last === transport, within_ms)

/** Streams that end at once count as failures, so a wait has grown to the longest, 30 s. After one a WebSocket is refused, and there is another. */
const RETURN_AT_LAST_MS = 75_000

/** Has a page note which streams say that they are open. */
async function noted(visitor) {
  const tab = new Tab(await (await visitor).newPage())
  await tab.page.addInitScript(() => {
    window.opened = []
    for (const [kind, name] of [['WebSocket', 'websocket'], ['EventSource', 'sse']]) {
      const Original = window[kind]
      window[kind] = class extends Original {
        constructor(...said) {
          super(...said)
          this.addEventListener('message', ({ data }) => { if (data.includes('"connected"')) window.opened.push(name) })
        }
      }
    }
    const { fetch } = window
    window.fetch = async (...said) => { // Outside Chromium SSE comes this way.
      const answer = await fetch(...said)
      if (String(said[0]).includes('/sse?') && answer.ok) window.opened.push('sse')
      return answer
    }
  })
  await tab.page.goto(`${site.url}/a`)
  return tab
}

describe('a WebSocket that does not open', () => {
  test('once, as in a restart, costs nothing: the tab is counted all the time and goes on over WebSocket', async () => {
    site.takesSseFirst = true // A slow machine tries a second WebSocket before it has found out that the server is there.
    const tab = await noted(newVisitor(browser))
    await isOver(tab, 'websocket')
    assert.deepEqual(await tab.page.evaluate(() => window.opened), ['sse', 'websocket'])
    await counted({ total: 1, routes: { '/a': 1 } })
    assert.deepEqual(await remembered(tab), [])
    await tab.page.locator('button').click()
    await counted({ total: 1, routes: { '/pushed': 1 } })
    await server.command('invalidate-route', { route: '/pushed' })
    await loaded([[tab, 2]])
  })

  test('since the server comes and goes is not remembered', needs('patience'), async () => {
    const tabs = await Promise.all([noted(newVisitor(browser)), noted(newVisitor(browser))])
    for (let restarts = 0; restarts < 4; restarts += 1) {
      await counted({ total: 2 }, RETURN_AT_LAST_MS)
      await server.kill()
      // The first attempts meet nothing, a new page's among them.
      const streams = () => site.opened.ws + site.opened.sse
      const before = streams()
      if (restarts % 2 === 0) await tabs[0].page.reload()
      await until('attempts', streams, (now) => now > before, RETURN_AT_LAST_MS)
      site.refusesWebSockets = restarts % 2
      await startServer()
      site.upstream = server.url
    }
    site.refusesWebSockets = 0
    await counted({ total: 2, routes: { '/a': 2 } }, RETURN_AT_LAST_MS)
    for (const tab of tabs) {
      await isOver(tab, 'websocket', RETURN_AT_LAST_MS)
      assert.deepEqual(await remembered(tab), [])
    }
  })

  test('since the server is full is not remembered', async () => {
    await server.stop()
    await startServer('--limit', 'connections_max=1')
    site.upstream = server.url
    site.takesSseFirst = true
    const tab = await noted(newVisitor(browser))
    await isOver(tab, 'sse')
    await until('a WebSocket beside it', () => site.opened.ws, (ws) => ws > 1, RETURN_WITHIN_MS)
    await until('what that means', () => site.lookedForWebSockets, (looks) => looks > 0, RETURN_WITHIN_MS)
    await tab.page.reload()
    await isOver(tab, 'websocket')
    assert.deepEqual(await remembered(tab), [])
  })

  test('in a page whose proxy takes none is remembered, and the next page begins with SSE', async () => {
    site.passesWebSocket = false
    const tab = await open()
    await counted({ total: 1 }, RETURN_WITHIN_MS)
    await until('it to be remembered', () => remembered(tab), (found) => found.length === 1, RETURN_WITHIN_MS)
    await counted({ total: 1 })
    const { ws } = site.opened
    await tab.follow('/b')
    await counted({ total: 1, routes: { '/b': 1 } }, RETURN_WITHIN_MS)
    assert.equal(site.opened.ws, ws)
  })

  test('is tried again after an hour, beside the stream', async () => {
    const tab = await noted(newVisitor(browser))
    await isOver(tab, 'websocket')
    await tab.page.evaluate(() => sessionStorage.setItem(`headcount.sse ${location.origin}/__skew/`, `${Date.now() - 3_700_000}`))
    await tab.page.reload()
    await isOver(tab, 'websocket')
    assert.deepEqual(await tab.page.evaluate(() => window.opened), ['sse', 'websocket'])
    assert.deepEqual(await remembered(tab), [])
    await counted({ total: 1 })
  })
})
