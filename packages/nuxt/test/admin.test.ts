// Requests to the admin API, the bridge and messages to tabs, against a real server that answers as headcount does.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { createAdmin, type Admin, type AdminError } from '../src/runtime/server/admin.js'
import { openBridge } from '../src/runtime/server/bridge.js'
import { announce } from '../src/runtime/server/release.js'
import { createSends } from '../src/runtime/server/sends.js'

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

describe('a bridge', () => {
  it('is opened anew when it ends, with a beginning each time, and says once that it cannot be had', async () => {
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
    expect(told.slice(0, 7)).toEqual(['began', 'hello', 'ready', '401: send the secret', 'began', 'hello', 'ready'])
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
