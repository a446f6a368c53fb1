// Attacks on the gate. For each, headcount gets one request at most, the attacker one answer at most, and then the
// connection is closed: a proxy before the app would use it for other visitors.

import { once } from 'node:events'
import { connect, createServer as createTcp, type AddressInfo } from 'node:net'
import { beforeEach, describe, expect, it } from 'vitest'

import { ask, exchange, portOf, takeHandshakes, twoServers } from './two-servers.js'

const SECOND = 'GET /metrics HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n'
const now = twoServers()

function offer(line: string, more: readonly string[] = [], protocol = 'websocket'): string {
  return [line, 'Host: x', 'Connection: Upgrade', `Upgrade: ${protocol}`, ...more, '', ''].join('\r\n')
}

function answers(said: string): number {
  return said.match(/HTTP\/1\.1 \d\d\d/g)?.length ?? 0
}

describe('a second request behind an offer to upgrade', () => {
  beforeEach(() => {
    now.behind.on('request', ({ url }, answer) => { answer.end(`headcount: ${url}`) })
  })

  it.each([
    ['another endpoint', 'GET /__skew/health HTTP/1.1', [], 'websocket'],
    ['another endpoint, with a query', 'GET /__skew/health?/ws HTTP/1.1', [], 'websocket'],
    ['a stream', 'HEAD /__skew/sse HTTP/1.1', [], 'websocket'],
    ['another protocol', 'GET /__skew/ws HTTP/1.1', [], 'h2c'],
    ['two protocols', 'GET /__skew/ws HTTP/1.1', [], 'websocket, h2c'],
    ['a protocol said twice', 'GET /__skew/ws HTTP/1.1', ['Upgrade: h2c'], 'websocket'],
    ['another method', 'POST /__skew/ws HTTP/1.1', [], 'websocket'],
    ['another method with a length of nothing', 'POST /__skew/ws HTTP/1.1', ['Content-Length: 0'], 'websocket'],
    ['an old version of HTTP', 'GET /__skew/ws HTTP/1.0', [], 'websocket'],
    ['a handshake with a body', 'GET /__skew/ws HTTP/1.1', ['Content-Length: 5'], 'websocket'],
    ['a handshake with chunks', 'GET /__skew/ws HTTP/1.1', ['Transfer-Encoding: chunked'], 'websocket'],
    ['a handshake with two lengths of a body', 'GET /__skew/ws HTTP/1.1', ['Transfer-Encoding: chunked', 'Content-Length: 5'], 'websocket'],
    ['a handshake that expects something', 'GET /__skew/health HTTP/1.1', ['Expect: 100-continue'], 'websocket'],
    ['dots', 'GET /__skew/../metrics HTTP/1.1', [], 'websocket'],
    ['dots behind the endpoint', 'GET /__skew/ws/../../metrics HTTP/1.1', [], 'websocket'],
    ['slashes', 'GET /__skew//ws HTTP/1.1', [], 'websocket'],
    ['a slash more', 'GET /__skew/ws/ HTTP/1.1', [], 'websocket'],
    ['codes', 'GET /__skew/%77s HTTP/1.1', [], 'websocket'],
    ['another case', 'GET /__skew/WS HTTP/1.1', [], 'websocket'],
    ['a parameter', 'GET /__skew/ws;x HTTP/1.1', [], 'websocket'],
    ['a page', 'GET /checkout HTTP/1.1', [], 'websocket'],
    ['the whole URL', 'GET http://x/__skew/ws HTTP/1.1', [], 'websocket'],
    ['slashes in front', 'GET //__skew/ws HTTP/1.1', [], 'websocket'],
  ])('reaches nobody: %s', async (_, line, more, protocol) => {
    const said = await exchange(now.site, offer(line, more, protocol) + SECOND)
    expect(said).not.toContain('/metrics')
    expect(answers(said)).toBeLessThanOrEqual(1)
    expect(now.reached.length + now.pages.length).toBeLessThanOrEqual(1)
    expect([...now.reached, ...now.pages].join()).not.toContain('GET /metrics')
    if (said !== '') expect(said).toMatch(/\r\nConnection: close\r\n/i)
  })

  it('reaches nobody in a separate packet either, and the first one is answered', async () => {
    const socket = connect(portOf(now.site), '127.0.0.1')
    socket.on('error', () => {})
    socket.write(offer('GET /__skew/health HTTP/1.1'))
    const [first] = await once(socket.setEncoding('utf8'), 'data') as [string]
    expect(first).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*Connection: close\r\n[\s\S]*headcount: \/__skew\/health/)
    socket.write(SECOND)
    let rest = ''
    for await (const piece of socket) rest += String(piece)
    expect([answers(rest), now.reached]).toEqual([0, ['GET /__skew/health']])
  })

  it('reaches nobody behind a handshake that is refused, and the refusal is passed on', async () => {
    now.behind.removeAllListeners('upgrade').on('upgrade', ({ method, url }, socket) => {
      now.reached.push(`${method} ${url}`)
      socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\nX-Why: origin\r\n\r\nforeign')
      socket.on('data', (piece: Buffer) => { now.reached.push(String(piece)) })
    })
    const said = await exchange(now.site, offer('GET /__skew/ws HTTP/1.1') + SECOND)
    expect(said).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n[\s\S]*X-Why: origin\r\n[\s\S]*Connection: close\r\n[\s\S]*foreign$/)
    expect(now.reached).toEqual(['GET /__skew/ws'])
  })

  it('is what the WebSocket says where the handshake is taken', async () => {
    takeHandshakes(now.behind, (_, socket) => { socket.on('data', () => { socket.end('frames') }) })
    expect(await exchange(now.site, offer('GET /__skew/ws HTTP/1.1') + SECOND)).toMatch(/^HTTP\/1\.1 101 [\s\S]*frames$/)
    expect(now.reached).toEqual(['GET /__skew/ws'])
  })
})

describe('an invalid answer to a handshake', () => {
  const answerWith = async (write: (say: (text: string) => boolean) => void): Promise<string> => {
    const odd = createTcp((socket) => {
      socket.on('error', () => {}).once('data', () => { write((text) => socket.write(text)) })
    }).listen(0, '127.0.0.1')
    await once(odd, 'listening')
    now.gate.upstream = new URL(`http://127.0.0.1:${(odd.address() as AddressInfo).port}`)
    try {
      return await exchange(now.site, offer('GET /__skew/ws HTTP/1.1') + SECOND)
    } finally {
      odd.close()
    }
  }

  it.each([
    ['is no HTTP', (say: (text: string) => boolean) => { say('hello\r\n\r\n') }],
    ['is switching to nothing', (say: (text: string) => boolean) => { say('HTTP/1.1 101 Switching Protocols\r\n\r\n') }],
    ['is switching to something else', (say: (text: string) => boolean) => { say('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n') }],
    ['has a head without end', (say: (text: string) => boolean) => { say(`HTTP/1.1 101 Switching Protocols\r\nX: ${'x'.repeat(40_000)}`) }],
    ['never comes', () => {}],
  ])('%s: 502 and the end', async (_, write) => {
    const said = await answerWith(write)
    expect(said).toMatch(/^HTTP\/1\.1 502 [\s\S]*Connection: close\r\n/)
    expect(answers(said)).toBe(1)
  }, 10_000)
})

describe('a request that two servers could read in two ways', () => {
  it.each([
    ['a GET with a body', 'GET /__skew/health HTTP/1.1\r\nHost: x\r\nContent-Length: 60\r\n\r\n'],
    ['a GET with chunks', 'GET /__skew/health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['a length and chunks', 'POST /__skew/route HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['another encoding', 'POST /__skew/route HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n'],
    ['two lengths', 'POST /__skew/route HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 50\r\n\r\n'],
    ['a length with a sign', 'POST /__skew/route HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\n'],
    ['a line that is folded', 'GET /__skew/health HTTP/1.1\r\nHost: x\r\nX-Odd: a\r\n Content-Length: 60\r\n\r\n'],
  ])('reaches headcount as one or not at all: %s', async (_, head) => {
    now.behind.on('request', (asked, answer) => { asked.resume().on('end', () => { answer.end('headcount') }) })
    const socket = connect(portOf(now.site), '127.0.0.1')
    socket.on('error', () => {})
    socket.write(head + SECOND)
    await once(socket, 'data')
    socket.destroy()
    expect(now.reached.join()).not.toContain('/metrics')
  })

  it('is one of those: only what browsers may reach passes', async () => {
    now.behind.on('request', (_, answer) => { answer.end('headcount') })
    for (const path of ['/__skew/metrics', '/__skew/api/admin/stats', '/__skew/', '/__skew?', '/__skew/../metrics', '/__skew/%2e%2e/metrics', '/__skew/ws/x']) {
      expect((await ask(now.site, path)).answer.statusCode).toBe(404)
    }
    expect(now.reached).toEqual([])
  })

  it('does not stop the server when nothing could carry its headers', async () => {
    const said = await exchange(now.site, 'GET /__skew/health?\xff HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Odd: \x01\r\n\r\n')
    expect(said).toMatch(/^HTTP\/1\.1 400 /)
    expect((await ask(now.site, '/')).text).toBe('the site: ')
  })
})
