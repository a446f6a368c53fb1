// A WebSocket that is tried beside a stream, and what is made of one that does not open.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

import { beside } from '../src/transport/beside.js'
import type { Place } from '../src/storage.js'
import type { Connect, LinkEvents } from '../src/transport/link.js'

const BASE = new URL('https://site.example/__skew/')
const CONNECTED = '{"type":"connected","resume":"17"}'

interface Opened { readonly name: string; readonly query: string; readonly events: LinkEvents; closed: boolean; readonly said: string[] }

let opened: Opened[]
let answers: (number | null)[]
let told: unknown[]
let barredAt: string | null

beforeEach(() => {
  vi.useFakeTimers()
  opened = []
  answers = []
  told = []
  barredAt = null
  vi.stubGlobal('fetch', (url: URL) => {
    expect(url.href).toBe('https://site.example/__skew/ws')
    const status = answers.shift() ?? null
    return status === null ? Promise.reject(new TypeError('Failed to fetch')) : Promise.resolve({ status })
  })
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

const opening = (name: string): Connect => (_base, query, events) => {
  const one: Opened = { name, query: String(query), events, closed: false, said: [] }
  opened.push(one)
  return { send: (message) => { one.said.push(message.type) }, close: () => { one.closed = true } }
}

const settled = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0)
const last = (): Opened => opened.at(-1) as Opened
const first = (): Opened => opened[0] as Opened

/** An open stream, beside which one is tried. */
function knock(websocket = opening('websocket'), memory: Place | undefined = { read: () => barredAt, write: (_key, at) => { told.push(['barred', at]); return true } }) {
  const link = beside(opening('sse'), websocket)(BASE, new URLSearchParams('tab=a&since=1&reloaded=7&alive=1'), {
    received: (text) => told.push(text), ended: (code) => told.push(['ended', code]), memory,
  })
  first().events.received(CONNECTED)
  told.length = 0
  return link
}

describe('a WebSocket that opens', () => {
  test('takes the place of the stream, which is not heard any more', async () => {
    const link = knock()
    expect(first().closed).toBe(false)
    last().events.received(CONNECTED)
    expect([first().closed, last().closed, told]).toEqual([true, false, [CONNECTED]])
    link.send({ type: 'ping' }, 'id')
    expect([first().said, last().said]).toEqual([[], ['ping']])
    await vi.advanceTimersByTimeAsync(60_000)
    last().events.ended(1012)
    expect(told).toEqual([CONNECTED, ['ended', 1012]])
  })

  test('may be known to the server before the stream hears of it', () => {
    knock()
    first().events.ended(4409)
    expect(told).toEqual([])
    last().events.received(CONNECTED)
    expect(told).toEqual([CONNECTED])
  })

  test('and says nothing, although the server has taken it, costs a return', async () => {
    knock()
    first().events.ended(4409)
    await vi.advanceTimersByTimeAsync(8_000)
    expect([told, last().closed]).toEqual([[['ended', 1012]], true])
  })
})

describe('one that does not open', () => {
  async function refused(...given: (number | null)[]): Promise<void> {
    answers = given
    knock()
    for (let tries = 0; tries < 3; tries += 1) {
      last().events.ended(1006)
      await settled()
    }
  }

  test('is barred where the server would have taken it, twice', async () => {
    await refused(426, 426)
    expect([opened.map(({ name }) => name), told]).toEqual([['sse', 'websocket', 'websocket'], [['barred', String(Date.now())]]])
  })

  test.each([503, 502, 429, 403, 404, 200, null])('is not where the server, or what stands before it, answers %s', async (status) => {
    await refused(status)
    expect(told).toEqual([])
  })

  test('is not where the server was back a moment later', async () => {
    answers = [426]
    knock()
    last().events.ended(1006)
    await settled()
    last().events.received(CONNECTED)
    expect(told).toEqual([CONNECTED])
  })

  test('is not where it was full for the second', async () => {
    await refused(426, 503)
    expect(told).toEqual([])
  })

  test('may say nothing, or be forbidden by a policy of the page', async () => {
    answers = [426, 426, 426, 426]
    knock()
    await vi.advanceTimersByTimeAsync(16_000)
    expect([told, first().closed, last().closed]).toEqual([[['barred', String(Date.now())]], false, true])
    opened.length = 0
    knock(() => { throw new Error('forbidden') })
    await settled()
    expect([told, opened.length]).toEqual([[['barred', String(Date.now())]], 1])
  })

  test('says nothing about WebSockets where the stream ends, too', async () => {
    answers = [426, 426]
    knock()
    last().events.ended(1006)
    first().events.ended(null)
    await settled()
    await vi.advanceTimersByTimeAsync(60_000)
    expect([told, opened.length]).toEqual([[['ended', null]], 2])
  })
})

test('what is given up is given up whole', async () => {
  knock().close()
  await vi.advanceTimersByTimeAsync(60_000)
  expect([told, opened.map(({ closed }) => closed)]).toEqual([[], [true, true]])
})

test('what is tried has what the stream was given, and not again what that has said', () => {
  knock()
  expect(last().query).toBe('tab=a&since=17&alive=1')
})

test('nothing is tried where nothing else is wanted, nor for an hour after it did not get through', () => {
  beside(opening('sse'), opening('websocket'))(BASE, new URLSearchParams(), { received() {}, ended() {} })
  first().events.received(CONNECTED)
  expect(opened.length).toBe(1)
  for (const [at, tries] of [[Date.now(), 1], [Date.now() - 3_599_000, 1], [Date.now() - 3_601_000, 2], [Date.now() + 3_601_000, 2]] as const) {
    opened.length = 0
    barredAt = String(at)
    knock()
    expect(opened.length).toBe(tries)
  }
})

test('what else the stream says begins nothing, even what is no message', () => {
  beside(opening('sse'), opening('websocket'))(BASE, new URLSearchParams(), { received: (text) => told.push(text), ended() {}, memory: { read: () => null, write: () => true } })
  for (const text of ['', 'null', '{"type":"keepalive"}']) first().events.received(text)
  expect([opened.length, told]).toEqual([1, ['', 'null', '{"type":"keepalive"}']])
})
