// Server-sent events: the browser's own, and those that are read by `fetch` outside Chromium.

import { afterEach, describe, expect, test, vi } from 'vitest'

import { openSource } from '../src/transport/source.js'

const URL_OF_STREAM = new URL('https://site.example/__skew/sse?route=/')

afterEach(() => { vi.unstubAllGlobals() })

/** A stream in Firefox, and the events that arrived on it. */
function open(answer: (signal: AbortSignal) => Promise<Response> | Response) {
  vi.stubGlobal('navigator', { vendor: '' })
  const asked: RequestInit[] = []
  vi.stubGlobal('fetch', async (_url: URL, init: RequestInit) => {
    asked.push(init)
    return answer(init.signal as AbortSignal)
  })
  const heard: string[] = []
  const source = openSource(URL_OF_STREAM)
  source.onmessage = ({ data }) => { heard.push(String(data)) }
  const ended = new Promise<string[]>((resolve) => { source.onerror = () => { resolve(heard) } })
  return { source, asked, heard, ended }
}

const stream = (...pieces: Uint8Array[]) => () => new Response(new ReadableStream({
  start(body) {
    for (const piece of pieces) body.enqueue(piece)
    body.close()
  },
}), { headers: { 'content-type': 'text/event-stream; charset=utf-8' } })
const bytes = (text: string) => new TextEncoder().encode(text)

describe('outside Chromium', () => {
  test.each([1, 2, 3, 7, 1000])('events are heard as they were written, in pieces of %d bytes', async (size) => {
    const all = bytes('retry: 3000\n\n: a comment\n\nid: 17\ndata: {"type":"überall €"}\n\ndata: one\ndata: two\n\ndata:\n\ndata: cut o')
    const pieces = Array.from({ length: Math.ceil(all.length / size) }, (_, index) => all.slice(index * size, (index + 1) * size))
    expect(await open(stream(...pieces)).ended).toEqual(['{"type":"überall €"}', 'one\ntwo', ''])
  })

  test.each([
    ['a refusal', () => new Response('data: no\n\n', { status: 503, headers: { 'content-type': 'text/event-stream' } })],
    ['a page', () => new Response('data: no\n\n', { headers: { 'content-type': 'text/html' } })],
    ['nothing', () => Promise.reject(new TypeError('Load failed'))],
  ])('%s is the end', async (_, answer) => {
    const { asked, ended } = open(answer)
    expect(await ended).toEqual([])
    expect(asked[0]).toMatchObject({ credentials: 'include', cache: 'no-store' })
    expect(asked[0]?.signal?.aborted).toBe(true)
  })

  test('a stream that the browser stops ends, with what it said before', async () => {
    const { ended } = open(() => {
      const said = [bytes('data: a\n\n')]
      return new Response(new ReadableStream({
        pull(body) {
          const next = said.shift()
          if (next) body.enqueue(next)
          else body.error(new DOMException('stopped', 'AbortError'))
        },
      }, { highWaterMark: 0 }), { headers: { 'content-type': 'text/event-stream' } })
    })
    expect(await ended).toEqual(['a'])
  })

  test('closing it ends the request', () => {
    const { source, asked } = open(() => new Promise(() => {}))
    source.close()
    expect(asked[0]?.signal?.aborted).toBe(true)
  })
})

test('in Chromium it is the browser\'s own', () => {
  vi.stubGlobal('navigator', { vendor: 'Google Inc.' })
  const opened: unknown[] = []
  vi.stubGlobal('EventSource', function (...said: unknown[]) { opened.push(said) })
  openSource(URL_OF_STREAM)
  expect(opened).toEqual([[URL_OF_STREAM, { withCredentials: true }]])
})
