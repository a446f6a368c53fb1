// What passes the gate between two real servers.

import { once } from 'node:events'
import { request, type IncomingMessage, type Server } from 'node:http'
import { connect, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'

import { attach } from '../src/runtime/server/gate.js'
import { ask, exchange, portOf, takeHandshakes, twoServers } from './two-servers.js'

const now = twoServers()

describe('a request', () => {
  it('passes with its headers, its body and its answer; others are the site\'s', async () => {
    now.behind.on('request', (asked: IncomingMessage, answer) => {
      asked.setEncoding('utf8').on('data', (body) => {
        answer.setHeader('set-cookie', ['a=1', 'b=2'])
        answer.writeHead(201).end(JSON.stringify({ body, url: asked.url, cookie: asked.headers.cookie, host: asked.headers.host }))
      })
    })
    const { answer, text } = await ask(now.site, '/__skew/route?x=1', { cookie: 'sid=1', host: 'shop.example' }, '{"route":"/"}')
    expect(answer.statusCode).toBe(201)
    expect(answer.headers['set-cookie']).toEqual(['a=1', 'b=2'])
    expect(JSON.parse(text)).toEqual({ body: '{"route":"/"}', url: '/__skew/route?x=1', cookie: 'sid=1', host: 'shop.example' })
    for (const path of ['/', '/__skewed', '/a/__skew/sse']) expect((await ask(now.site, path)).text).toBe('the site: ')
  })

  it('passes for the parts of the browser client, and for nothing else below them', async () => {
    now.behind.on('request', (_, answer) => { answer.end('a part') })
    for (const name of ['question-BDFBuCJY.js', 'question-BDFBuCJY.js.map', 'refreshing.1.js', 'sse--x_1.js?v=1']) expect((await ask(now.site, `/__skew/client/${name}`)).text).toBe('a part')
    for (const name of ['', '.js', '..js', '../client.js', '%2e%2e/metrics.js', 'a/b.js', 'a.css', 'a..js', 'a.js/']) {
      expect((await ask(now.site, `/__skew/client/${name}`)).answer.statusCode, name).toBe(404)
    }
    expect(now.reached).toHaveLength(4)
  })

  it('streams, and its end is known on both sides at once', async () => {
    now.behind.on('request', (_, answer) => { answer.writeHead(200).write('data: 1\n\n') })
    const left = once(now.behind, 'request').then(([, answer]) => once(answer as Server, 'close'))
    const asked = request({ port: portOf(now.site), host: '127.0.0.1', path: '/__skew/sse', agent: false }).end()
    asked.on('error', () => {})
    const [answer] = await once(asked, 'response') as [IncomingMessage]
    await once(answer, 'data')
    asked.destroy()
    await left
  })

  it('passes without what concerns its own connection, and without what was answered on the way', async () => {
    now.behind.on('request', ({ headers }: IncomingMessage, answer) => { answer.setHeader('connection', 'close, x-inner').setHeader('x-inner', '1').end(JSON.stringify(headers)) })
    const { answer, text } = await ask(now.site, '/__skew/health', {
      'connection': 'close, x-hop, host', 'x-hop': '1', 'expect': '100-continue', 'te': 'trailers', 'keep-alive': 'timeout=9', 'proxy-authorization': 'Basic x', 'x-kept': '1', 'host': 'shop.example',
    })
    const headers = JSON.parse(text) as Record<string, string>
    expect(headers).toMatchObject({ 'x-kept': '1', 'host': 'shop.example' })
    for (const dropped of ['x-hop', 'expect', 'te', 'keep-alive', 'proxy-authorization']) expect(headers).not.toHaveProperty(dropped)
    expect(answer.headers).not.toHaveProperty('x-inner')
  })

  it('is refused at once where headcount is not there', async () => {
    for (const upstream of [null, new URL('http://127.0.0.1:1')]) {
      now.gate.upstream = upstream
      const { answer, text } = await ask(now.site, '/__skew/sse')
      expect(answer.statusCode).toBe(502)
      expect(answer.headers['retry-after']).toBe('2')
      expect(JSON.parse(text)).toMatchObject({ error: { code: 'unreachable' } })
      expect(await exchange(now.site, 'GET /__skew/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')).toMatch(/^HTTP\/1\.1 502 [\s\S]*Retry-After: 2\r\n/)
    }
  })
})

describe('an upgrade', () => {
  const HANDSHAKE = 'GET /__skew/ws?v=1 HTTP/1.1\r\nHost: shop.example\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\nX-Odd: \xe9\r\n\r\n'

  it('passes byte for byte, and ends with either side', async () => {
    takeHandshakes(now.behind, ({ url, rawHeaders }, socket, head) => {
      socket.write(`${url} ${rawHeaders.join(' ')} ${head}`, 'latin1')
      socket.on('data', (piece) => { socket.end(`behind heard ${piece}`) })
    })
    const socket = connect(portOf(now.site), '127.0.0.1')
    socket.setEncoding('latin1').write(Buffer.from(HANDSHAKE, 'latin1'))
    let said = ''
    while (!said.includes('X-Odd')) said += (await once(socket, 'data') as [string])[0]
    expect(said).toBe('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: yes\r\n\r\n'
      + '/__skew/ws?v=1 Host shop.example X-Odd \xe9 connection Upgrade upgrade websocket ')
    socket.write('later')
    expect((await once(socket, 'data'))[0]).toBe('behind heard later')
    await once(socket, 'close')
  })

  it('passes what was sent before its answer behind it', async () => {
    takeHandshakes(now.behind, (_, socket, head) => {
      expect(String(head)).toBe('')
      socket.on('data', (piece) => { socket.end(`behind heard ${piece}`) })
    })
    expect(await exchange(now.site, `${HANDSHAKE}early`)).toMatch(/^HTTP\/1\.1 101 [\s\S]*\r\n\r\nbehind heard early$/)
  })

  it('is known to have ended when its browser leaves', async () => {
    const taken = new Promise<Socket>((resolve) => { takeHandshakes(now.behind, (_, socket) => { resolve(socket) }) })
    const socket = connect(portOf(now.site), '127.0.0.1')
    socket.write(HANDSHAKE)
    const passed = await taken
    passed.resume()
    await once(socket, 'data')
    socket.destroy()
    await once(passed, 'end')
  })

  it('that is not for headcount goes to who listens, and is a plain request where nobody does', async () => {
    const offer = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n'
    expect(await exchange(now.site, offer)).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*the site/)
    now.site.on('upgrade', (_, socket: Socket) => { socket.end('somebody else') })
    expect(await exchange(now.site, offer)).toBe('somebody else')
  })

  it('that nobody takes leaves a request its body', async () => {
    let begun = 0
    now.site.on('connection', () => { begun += 1 })
    const offer = (body: string) => `POST /api/save HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM\r\n${body}`
    expect(await exchange(now.site, offer('Content-Length: 5\r\n\r\nhello'))).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*Connection: close[\s\S]*the site: hello/)
    expect(await exchange(now.site, offer('Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n'))).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*the site: hello/)
    expect([begun, now.pages]).toEqual([2, ['POST /api/save hello', 'POST /api/save hello']])
  })

  it('passes a gate that took the place of another', async () => {
    takeHandshakes(now.behind, (_, socket) => { socket.end('behind') })
    attach(now.site, { ...now.gate, upstream: null }, true)
    expect(await exchange(now.site, HANDSHAKE)).toMatch(/^HTTP\/1\.1 502/)
    attach(now.site, now.gate, true)
    expect(await exchange(now.site, HANDSHAKE)).toMatch(/behind$/)
  })
})
