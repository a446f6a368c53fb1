// The gate between two real servers.

import { once } from 'node:events'
import { createServer, request, type IncomingMessage, type Server } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { attach, shut, type Gate } from '../src/runtime/server/gate.js'

let behind: Server
let site: Server
let gate: { -readonly [Key in keyof Gate]: Gate[Key] }

const portOf = (server: Server): number => (server.address() as AddressInfo).port

async function listen(server: Server): Promise<Server> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

beforeEach(async () => {
  behind = await listen(createServer())
  site = await listen(createServer((_, answer) => { answer.end('the site') }))
  gate = { base: '/__skew', upstream: new URL(`http://127.0.0.1:${portOf(behind)}`), tellsAddress: false }
  attach(site, gate, true)
})

afterEach(() => {
  shut()
  for (const server of [behind, site]) {
    server.closeAllConnections()
    server.close()
  }
})

async function ask(path: string, headers: Record<string, string> = {}, body?: string) {
  const asked = request({ port: portOf(site), host: '127.0.0.1', path, headers, method: body === undefined ? 'GET' : 'POST', agent: false })
  asked.end(body)
  const [answer] = await once(asked, 'response') as [IncomingMessage]
  let text = ''
  for await (const piece of answer) text += String(piece)
  return { answer, text }
}

/** Sends text as it is, and gives what comes until the other side ends. */
async function exchange(text: string): Promise<string> {
  const socket = connect(portOf(site), '127.0.0.1')
  socket.write(text)
  let said = ''
  for await (const piece of socket) said += String(piece)
  return said
}

describe('a request', () => {
  it('passes with its headers, its body and its answer; others are the site\'s', async () => {
    behind.on('request', (asked, answer) => {
      asked.setEncoding('utf8').on('data', (body) => {
        answer.setHeader('set-cookie', ['a=1', 'b=2'])
        answer.writeHead(201).end(JSON.stringify({ body, url: asked.url, cookie: asked.headers.cookie, host: asked.headers.host, forwarded: asked.headers['x-forwarded-for'] }))
      })
    })
    const { answer, text } = await ask('/__skew/route?x=1', { 'cookie': 'sid=1', 'host': 'shop.example', 'x-forwarded-for': '203.0.113.7' }, '{"route":"/"}')
    expect(answer.statusCode).toBe(201)
    expect(answer.headers['set-cookie']).toEqual(['a=1', 'b=2'])
    expect(JSON.parse(text)).toEqual({ body: '{"route":"/"}', url: '/__skew/route?x=1', cookie: 'sid=1', host: 'shop.example', forwarded: '203.0.113.7' })
    for (const path of ['/', '/__skewed', '/a/__skew/sse']) expect((await ask(path)).text).toBe('the site')
  })

  it('tells the address it came from where that is wanted, behind those that others saw', async () => {
    gate.tellsAddress = true
    behind.on('request', (asked, answer) => { answer.end(asked.headers['x-forwarded-for']) })
    expect((await ask('/__skew/sse')).text).toBe('127.0.0.1')
    expect((await ask('/__skew/sse', { 'x-forwarded-for': '203.0.113.7' })).text).toBe('203.0.113.7, 127.0.0.1')
  })

  it('streams, and its end is known on both sides at once', async () => {
    behind.on('request', (_, answer) => { answer.writeHead(200).write('data: 1\n\n') })
    const left = once(behind, 'request').then(([, answer]) => once(answer as Server, 'close'))
    const asked = request({ port: portOf(site), host: '127.0.0.1', path: '/__skew/sse', agent: false }).end()
    asked.on('error', () => {})
    const [answer] = await once(asked, 'response') as [IncomingMessage]
    await once(answer, 'data')
    asked.destroy()
    await left
  })

  it('is refused at once where headcount is not there', async () => {
    for (const upstream of [null, new URL('http://127.0.0.1:1')]) {
      gate.upstream = upstream
      const { answer, text } = await ask('/__skew/sse')
      expect(answer.statusCode).toBe(502)
      expect(answer.headers['retry-after']).toBe('2')
      expect(JSON.parse(text)).toMatchObject({ error: { code: 'unreachable' } })
      expect(await exchange('GET /__skew/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')).toMatch(/^HTTP\/1\.1 502 [\s\S]*Retry-After: 2\r\n/)
    }
  })
})

describe('an upgrade', () => {
  const HANDSHAKE = 'GET /__skew/ws?v=1 HTTP/1.1\r\nHost: shop.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Odd: \xe9\r\n\r\n'

  it('passes byte for byte, and ends with either side', async () => {
    behind.on('upgrade', ({ url, rawHeaders }: IncomingMessage, socket: Socket, head: Buffer) => {
      socket.write(`${url} ${rawHeaders.join(' ')} ${head}`, 'latin1')
      socket.on('data', (piece) => { socket.end(`behind heard ${piece}`) })
    })
    const socket = connect(portOf(site), '127.0.0.1')
    socket.setEncoding('latin1').write(Buffer.from(`${HANDSHAKE}early`, 'latin1'))
    const [first] = await once(socket, 'data') as [string]
    expect(first).toBe('/__skew/ws?v=1 Host shop.example Connection Upgrade Upgrade websocket X-Odd \xe9 early')
    socket.write('later')
    expect((await once(socket, 'data'))[0]).toBe('behind heard later')
    await once(socket, 'close')
  })

  it('is known to have ended when its browser leaves', async () => {
    const upgraded = once(behind, 'upgrade')
    const socket = connect(portOf(site), '127.0.0.1')
    socket.write(HANDSHAKE)
    const [, passed] = await upgraded as [unknown, Socket]
    passed.resume()
    socket.destroy()
    await once(passed, 'end')
  })

  it('that is not for headcount goes to who listens, and is a plain request where nobody does', async () => {
    const offer = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n'
    expect(await exchange(offer)).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*the site/)
    site.on('upgrade', (_, socket: Socket) => { socket.end('somebody else') })
    expect(await exchange(offer)).toBe('somebody else')
  })

  it('passes a gate that took the place of another', async () => {
    behind.on('upgrade', (_, socket: Socket) => { socket.end('behind') })
    attach(site, { ...gate, upstream: null }, true)
    expect(await exchange(HANDSHAKE)).toMatch(/^HTTP\/1\.1 502/)
    attach(site, gate, true)
    expect(await exchange(HANDSHAKE)).toBe('behind')
  })
})
