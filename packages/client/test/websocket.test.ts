// What a WebSocket's client says by POST, and what on the socket.

import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import type { ClientMessage } from '../src/messages.js'
import { websocket } from '../src/transport/websocket.js'

const BASE = new URL('https://site.example/__skew/')
const SUBSCRIBE: ClientMessage = { type: 'subscribe-stats', delta: true, connections: false }

let said: string[]
let posted: { url: string; body: string }[]
let answers: (() => Promise<Response>)[]
/** Ends POSTs that have waited for too long. */
let late: AbortController

class Socket {
  static readonly OPEN = 1
  static state = 1
  get readyState(): number { return Socket.state }
  onmessage = null
  onclose = null
  send(text: string): void { said.push(text) }
  close(): void {}
}

beforeEach(() => {
  Socket.state = Socket.OPEN
  said = []
  posted = []
  answers = []
  vi.stubGlobal('WebSocket', Socket)
  late = new AbortController()
  vi.stubGlobal('AbortSignal', { timeout: () => late.signal })
  vi.stubGlobal('fetch', (url: URL, { body, signal }: { body: string; signal: AbortSignal }) => {
    posted.push({ url: url.href, body })
    const answer = (answers.shift() ?? (() => Promise.resolve(Response.json({ ok: true }))))()
    return Promise.race([answer, new Promise((_, reject) => { signal.onabort = reject })])
  })
})
afterEach(() => { vi.unstubAllGlobals() })

function open() {
  return websocket(BASE, new URLSearchParams(), { received() {}, ended() {} })
}

test('stats are asked for by POST, in order, and everything else is said on the socket', async () => {
  let answer = (_: Response): void => {}
  answers.push(() => new Promise((resolve) => { answer = resolve }))
  const link = open()
  link.send(SUBSCRIBE, 'c1')
  link.send({ type: 'unsubscribe-stats' }, 'c1')
  link.send({ type: 'route-update', route: '/a' }, 'c1')
  await vi.waitFor(() => { expect(posted).toHaveLength(1) })
  expect(posted[0]).toEqual({ url: 'https://site.example/__skew/message', body: JSON.stringify({ connectionId: 'c1', ...SUBSCRIBE }) })
  answer(Response.json({ ok: true }))
  await vi.waitFor(() => { expect(posted).toHaveLength(2) })
  expect(posted[1]?.body).toContain('unsubscribe-stats')
  expect(said).toEqual(['{"type":"route-update","route":"/a"}'])
})

test.each([
  ['is refused', () => Promise.resolve(Response.json({ error: 'forbidden' }, { status: 403 }))],
  ['reaches a server that does not know the stream', () => Promise.resolve(Response.json({ ok: false }))],
  ['is answered by something else', () => Promise.resolve(new Response('<!doctype html>'))],
  ['does not get through', () => Promise.reject(new Error('blocked'))],
])('a POST that %s is said on the socket instead', async (_, answer) => {
  answers.push(answer)
  const link = open()
  link.send(SUBSCRIBE, 'c1')
  await vi.waitFor(() => { expect(said).toEqual([JSON.stringify(SUBSCRIBE)]) })
  link.send({ type: 'unsubscribe-stats' }, 'c1')
  await vi.waitFor(() => { expect(posted).toHaveLength(2) })
  expect(said).toHaveLength(1)
})

test('a POST without an answer in time is said on the socket instead', async () => {
  answers.push(() => new Promise(() => {}))
  open().send(SUBSCRIBE, 'c1')
  await vi.waitFor(() => { expect(posted).toHaveLength(1) })
  late.abort()
  await vi.waitFor(() => { expect(said).toEqual([JSON.stringify(SUBSCRIBE)]) })
})

test('nothing is said on a socket that closed while a POST was under way', async () => {
  answers.push(() => {
    Socket.state = 3
    return Promise.resolve(Response.json({ ok: false }))
  })
  const link = open()
  link.send({ type: 'unsubscribe-stats' }, 'c1')
  link.send(SUBSCRIBE, 'c1')
  await vi.waitFor(() => { expect(posted).toHaveLength(2) })
  link.send({ type: 'ping' }, 'c1')
  expect(said).toEqual([])
})
