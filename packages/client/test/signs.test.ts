// Signs of life over SSE: what is posted, and what happens where it does not get through.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

import type { sse as Sse } from '../src/transport/sse.js'

const BASE = new URL('https://site.example/__skew/')
const CONNECTED = '{"type":"connected","version":"v2","connectionId":"id","timestamp":0}'
const KEEPALIVE = '{"type":"keepalive","timestamp":0}'
const MINUTE_MS = 60_000

const answer = (status: number, ok = status === 200) => () => Promise.resolve(Response.json({ ok }, { status }))
const lost = (): Promise<Response> => Promise.reject(new TypeError('Failed to fetch'))

let sources: Source[]
let posted: string[]
let respond: () => Promise<Response>
let ended: (number | null)[]
let warned: string[]
let sse: typeof Sse

class Source {
  onmessage: ((event: { data: string }) => void) | null = null
  onerror: (() => void) | null = null
  readonly owes: boolean
  constructor(url: URL) {
    this.owes = url.searchParams.get('alive') === '1'
    sources.push(this)
  }
  close(): void {}
}

beforeEach(async () => {
  vi.useFakeTimers()
  vi.resetModules()
  sources = []
  posted = []
  ended = []
  warned = []
  respond = answer(200)
  vi.stubGlobal('navigator', { vendor: 'Google Inc.' })
  vi.stubGlobal('EventSource', Source)
  vi.stubGlobal('AbortSignal', { timeout })
  vi.stubGlobal('fetch', (_url: URL, { body, signal }: { body: string; signal: AbortSignal }) => {
    posted.push(body)
    return Promise.race([respond(), new Promise((_, reject) => { signal.onabort = reject })])
  })
  vi.stubGlobal('console', { ...console, warn: (text: string) => warned.push(text) })
  ;({ sse } = await import('../src/transport/sse.js'))
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

/** The browser's own knows nothing of the clock of these tests. */
function timeout(ms: number): AbortSignal {
  const abort = new AbortController()
  setTimeout(() => { abort.abort() }, ms)
  return abort.signal
}

/** A stream, open. */
function open() {
  const link = sse(BASE, new URLSearchParams({ route: '/', alive: '1' }), { received() {}, ended: (code) => ended.push(code) })
  const source = sources.at(-1)
  if (!source) throw new Error('no stream was opened')
  const hears = async (text: string): Promise<void> => {
    source.onmessage?.({ data: text })
    await vi.advanceTimersByTimeAsync(0)
  }
  return { link, source, hears, breaks: () => source.onerror?.() }
}

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms)
const ALIVE = '{"connectionId":"id","type":"alive"}'

describe('a stream', () => {
  test('promises signs of life, and gives one for each keepalive', async () => {
    const { source, hears } = open()
    expect(source.owes).toBe(true)
    await hears(CONNECTED)
    await hears('{"type":"version","version":"v2"}')
    await hears('nonsense')
    expect(posted).toEqual([])
    for (let count = 1; count < 4; count += 1) {
      await hears(KEEPALIVE)
      await pass(30_000)
      expect(posted).toEqual(Array.from({ length: count }, () => ALIVE))
    }
  })

  test('tries again until a sign gets through', async () => {
    const { hears } = open()
    await hears(CONNECTED)
    const failures = [lost, answer(502), answer(200, false), () => Promise.resolve(new Response('<!doctype html>Sign in'))]
    respond = () => (failures.shift() ?? answer(200))()
    await hears(KEEPALIVE)
    await pass(MINUTE_MS)
    expect(posted).toHaveLength(5)
    expect([ended, warned]).toEqual([[], []])
  })

  test('gives no more once it is closed', async () => {
    const { link, hears } = open()
    respond = lost
    await hears(CONNECTED)
    await hears(KEEPALIVE)
    link.close()
    await pass(MINUTE_MS)
    expect(posted).toHaveLength(1)
  })
})

describe('where no sign gets through', () => {
  test.each([403, 404, 405])('because it is refused (%d), the next stream promises none, and its user is told once', async (status) => {
    respond = answer(status)
    const first = open()
    await first.hears(CONNECTED)
    await first.hears(KEEPALIVE)
    expect(ended).toEqual([1012])
    for (let streams = 0; streams < 3; streams += 1) {
      const next = open()
      expect(next.source.owes).toBe(false)
      await next.hears(CONNECTED)
      await next.hears(KEEPALIVE)
      next.breaks()
    }
    expect(posted).toEqual([ALIVE])
    expect(warned).toHaveLength(1)
    expect(warned[0]).toContain(`https://site.example/__skew/message does not get through (status ${status})`)
  })

  test.each([['no answer', lost], ['status 502', answer(502)], ['status 200', answer(200, false)]])('for another reason (%s), that takes two streams', async (reason, response) => {
    respond = response
    for (const owes of [true, true, false, false]) {
      const { source, hears, breaks } = open()
      expect(source.owes).toBe(owes)
      await hears(CONNECTED)
      await hears(KEEPALIVE)
      await pass(25_000)
      breaks()
    }
    expect(ended).toEqual([null, null, null, null])
    expect(warned).toHaveLength(1)
    expect(warned[0]).toContain(reason)
  })

  test('for a while, streams that end promise signs as before', async () => {
    for (let rounds = 0; rounds < 5; rounds += 1) {
      const { source, hears, breaks } = open()
      expect(source.owes).toBe(true)
      await hears(CONNECTED)
      respond = answer(200)
      await hears(KEEPALIVE)
      respond = lost
      await hears(KEEPALIVE)
      breaks()
    }
    expect(warned).toEqual([])
  })
})

test('a message without an answer holds up no other, and is said again with the next sign of life', async () => {
  const { link, hears } = open()
  await hears(CONNECTED)
  respond = () => new Promise(() => {})
  link.send({ type: 'visibility', state: 'hidden' }, 'id')
  link.send({ type: 'route-update', route: '/b' }, 'id')
  await pass(11_000)
  respond = answer(200)
  await hears('{"type":"version","version":"v2"}')
  expect(new Set(posted.slice(1).map((body) => (JSON.parse(body) as { type: string }).type))).toEqual(new Set(['visibility', 'route-update']))
})
