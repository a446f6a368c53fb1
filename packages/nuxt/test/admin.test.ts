// Requests to the admin API, the bridge and messages to tabs, against a real server that answers as headcount does.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { createAdmin, type Admin, type AdminError } from '../src/runtime/server/admin.js'
import { openBridge } from '../src/runtime/server/bridge.js'
import { announce } from '../src/runtime/server/release.js'
import { createSends } from '../src/runtime/server/sends.js'
import { configuredUpstream } from '../src/runtime/server/upstream.js'

let server: Server
let admin: Admin
let answer: (asked: IncomingMessage, answer: ServerResponse, body: string) => void

beforeEach(async () => {
  answer = (_, said) => { said.end('{}') }
  server = createServer((asked, said) => {
    let body = ''
    asked.setEncoding('utf8').on('data', (piece) => { body += String(piece) }).on('end', () => { answer(asked, said, body) })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  admin = createAdmin({ url, adminUrl: url, adminPath: '/api/admin', secret: 's3cret' })
})

afterEach(() => {
  server.closeAllConnections()
  server.close()
})

describe('the admin API', () => {
  it('is asked with the secret, and its errors say what it said', async () => {
    answer = (asked, said) => {
      expect(asked.headers.authorization).toBe('Bearer s3cret')
      said.writeHead(asked.url === '/api/admin/stats' ? 200 : 401).end(asked.url === '/api/admin/stats' ? '{"total":1}' : '{"error":{"code":"unauthorized","message":"send the secret"}}')
    }
    expect(await admin.get('/stats')).toEqual({ total: 1 })
    await expect(admin.get('/releases')).rejects.toThrow('GET /releases with 401: send the secret')
  })

  it('that is not there fails with a status of 0', async () => {
    server.close()
    const failure = await admin.get('/stats').catch((error: AdminError) => error) as AdminError
    expect(failure.status).toBe(0)
    expect(failure.message).toContain('does not answer')
  })

  it('is asked again where it closed a kept connection in that moment', async () => {
    expect(await admin.get('/stats')).toEqual({})
    server.closeAllConnections()
    expect(await admin.get('/stats')).toEqual({})
  })
})

describe('messages to tabs', () => {
  it('go in few requests, in order, and each refresh is a new command', async () => {
    const bodies: { messages: { id: string; data: { type: string; id?: number; number?: number } }[] }[] = []
    answer = (_, said, body) => {
      bodies.push(JSON.parse(body) as typeof bodies[0])
      said.end('{"sent":1,"unknown":0,"refused":0}')
    }
    const send = createSends(admin, (error) => { throw error })
    for (let number = 0; number < 12_000; number += 1) send('tab', { type: 'news', number })
    send('tab', { type: 'version', version: 'v2', force: true })
    send('tab', { type: 'version', version: 'v2', force: true })
    send('tab', { type: 'version', version: 'v2', force: true, id: 7 })
    await vi.waitFor(() => { expect(bodies.flatMap(({ messages }) => messages)).toHaveLength(12_003) })
    expect(bodies).toHaveLength(3)
    const all = bodies.flatMap(({ messages }) => messages.map(({ data }) => data))
    expect(all.slice(0, 12_000).every(({ number }, index) => number === index)).toBe(true)
    const [first, second, third] = all.slice(12_000).map(({ id }) => id)
    expect(first).toBeGreaterThan(2 ** 32)
    expect(second).not.toBe(first)
    expect(third).toBe(7)
  })

  it('that could not be sent are lost, said so, and do not stop the next', async () => {
    const lost: string[] = []
    answer = (_, said) => { said.writeHead(503).end('{"error":{"message":"draining"}}') }
    const send = createSends(admin, (error) => { lost.push(error.message) })
    send('tab', { type: 'news' })
    await vi.waitFor(() => { expect(lost).toEqual(['1 messages to tabs were lost']) })
    const arrived = new Promise((resolve) => { answer = (_, said, body) => { said.end('{}'); resolve(body) } })
    send('tab', { type: 'later' })
    expect(await arrived).toBe('{"messages":[{"id":"tab","data":{"type":"later"}}]}')
  })
})

describe('a message that cannot be sent', () => {
  const circular: { self?: unknown } = {}
  circular.self = circular

  it.each([['a BigInt', { large: 2n }], ['a circle', circular], ['nothing', undefined], ['a function', () => {}]])('%s is dropped alone', async (_, data) => {
    const lost: string[] = []
    const bodies: string[] = []
    answer = (_asked, said, body) => {
      bodies.push(body)
      said.end('{"sent":2,"unknown":0,"refused":0}')
    }
    const send = createSends(admin, (error) => { lost.push(error.message) })
    send('tab', 1)
    send('tab', data)
    send('tab', 2)
    await vi.waitFor(() => { expect(bodies).toEqual(['{"messages":[{"id":"tab","data":1},{"id":"tab","data":2}]}']) })
    expect(lost).toEqual([expect.stringMatching(/^a message to a tab was dropped: /)])
  })

  it('is what it was when it was sent, and long ones go in requests that headcount takes', async () => {
    const sizes: number[] = []
    const turns: number[] = []
    answer = (_, said, body) => {
      sizes.push(body.length)
      turns.push(...(JSON.parse(body) as { messages: { data: { turn: number } }[] }).messages.map(({ data }) => data.turn))
      said.end('{"sent":1,"unknown":0,"refused":0}')
    }
    const send = createSends(admin, (error) => { throw error })
    const data = { turn: 0, text: 'x'.repeat(1_000_000) }
    for (data.turn = 0; data.turn < 10; data.turn += 1) send('tab', data)
    await vi.waitFor(() => { expect(turns).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]) })
    expect(sizes.length).toBe(3)
    expect(Math.max(...sizes)).toBeLessThan(2 ** 22 + 100)
  })

  it('because headcount refuses it is said', async () => {
    const lost: string[] = []
    answer = (_, said) => { said.end('{"sent":0,"unknown":0,"refused":1}') }
    createSends(admin, (error) => { lost.push(error.message) })('tab', 'long')
    await vi.waitFor(() => { expect(lost).toEqual([expect.stringContaining('send_bytes_max')]) })
  })
})

describe('a request that is refused before all of it was sent', () => {
  it('fails with what was answered, and harms nothing else', async () => {
    const hasty = createServer((asked, said) => {
      said.writeHead(413, { connection: 'close' }).end('{"error":{"message":"too long"}}', () => { asked.socket.destroySoon() })
    })
    hasty.listen(0, '127.0.0.1')
    await once(hasty, 'listening')
    const url = new URL(`http://127.0.0.1:${(hasty.address() as AddressInfo).port}`)
    const failure = await createAdmin({ url, adminUrl: url, adminPath: '', secret: '' }).postText('/x', `"${'x'.repeat(2 ** 24)}"`).catch((error: Error) => error) as Error
    expect(failure.message).toMatch(/413: too long|does not answer/)
    hasty.close()
  })
})

describe('where headcount is', () => {
  const config = { url: '', adminUrl: '', adminPath: '/api/admin', secret: '' }

  it('takes the bridge secret to the bridge alone', async () => {
    const shown: string[] = []
    answer = (asked, said) => {
      shown.push(`${String(asked.url)} ${String(asked.headers.authorization)}`)
      said.end('{}')
    }
    const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
    const variables = { HEADCOUNT_URL: url, HEADCOUNT_ADMIN_SECRET: 'admin', HEADCOUNT_BRIDGE_SECRET: 'bridge\n' }
    const upstream = configuredUpstream({ ...config, adminPath: '' }, variables)
    if (!upstream) throw new Error('nothing is configured')
    const both = createAdmin(upstream)
    await both.post('/bridge/messages', {})
    await both.get('/releases')
    await createAdmin({ ...upstream, bridgeSecret: '' }).post('/bridge/messages', {})
    expect(shown).toEqual(['/bridge/messages Bearer bridge', '/releases Bearer admin', '/bridge/messages Bearer admin'])
  })

  it('comes with a secret that a header can carry', () => {
    const variables = { HEADCOUNT_URL: 'http://headcount:4477', HEADCOUNT_ADMIN_SECRET: 's3cret\n' }
    expect(configuredUpstream(config, variables)?.secret).toBe('s3cret')
    expect(() => configuredUpstream(config, { ...variables, HEADCOUNT_ADMIN_SECRET: 'a\nb' })).toThrow('HEADCOUNT_ADMIN_SECRET')
  })

  it('is a URL, and what is wrong with it is said', () => {
    expect(() => configuredUpstream(config, { HEADCOUNT_URL: 'localhost:4477' })).toThrow('write a URL such as http://127.0.0.1:4477')
  })
})

describe('a bridge', () => {
  it('is reopened when it ends, begins again each time, and reports once that it cannot be opened', async () => {
    const told: string[] = []
    let turn = 0
    answer = (asked, said) => {
      turn += 1
      expect(asked.url).toBe('/api/admin/bridge?hooks=open%2Cauthorize&mode=one&app=%2Fshop')
      if (turn === 1 || turn === 5) said.write('{"type":"hello","standby":false}\n{"type":"re')
      if (turn === 1 || turn === 5) said.end('ady"}\n')
      else said.writeHead(401).end('{"error":{"message":"send the secret"}}')
    }
    const close = openBridge({
      admin, hooks: ['open', 'authorize'], mode: 'one', app: '/shop',
      began: () => { told.push('began') }, line: ({ type }) => { told.push(type) }, failed: (problem) => { told.push(problem) },
    })
    await vi.waitFor(() => { expect(told.filter((one) => one === 'ready')).toHaveLength(2) }, { timeout: 15_000 })
    close()
    expect(told.slice(0, 7)).toEqual(['began', 'hello', 'ready', expect.stringMatching(/^401: send the secret .*HEADCOUNT_ADMIN_SECRET/), 'began', 'hello', 'ready'])
  }, 20_000)

  it('that was closed stays closed', async () => {
    let opened = 0
    answer = (_, said) => {
      opened += 1
      said.write('{"type":"hello","standby":false}\n')
    }
    const ended = once(server, 'request').then(([, said]) => once(said as ServerResponse, 'close'))
    const close = openBridge({ admin, hooks: ['close'], mode: 'each', app: '', began: () => { close() }, line: () => {}, failed: () => {} })
    await ended
    expect(opened).toBe(1)
  })
})

describe('a release', () => {
  it('is announced once headcount is there', async () => {
    const said: string[] = []
    let failures = 3
    const announced = new Promise((resolve) => {
      answer = (asked, reply, body) => {
        if (failures-- > 0) reply.writeHead(503).end('{"error":{"message":"draining"}}')
        else if (asked.method === 'GET') reply.end('{"current":"unreleased","releases":[]}')
        else {
          reply.end('{}')
          resolve(body)
        }
      }
    })
    const stop = announce(admin, { id: 'v1', builtAt: 1 }, 'newer', (text) => { said.push(text) })
    expect(await announced).toBe('{"version":"v1"}')
    stop()
    expect(said).toEqual(['build v1 is not announced yet: headcount answered GET /releases with 503: draining'])
  }, 20_000)
})
