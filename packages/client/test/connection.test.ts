import { describe, expect, test } from 'vitest'

import { createConnection } from '../src/connection.js'
import type { Environment } from '../src/environment.js'
import { CONNECT_MS } from '../src/line.js'
import type { ClientMessage } from '../src/messages.js'
import type { Place } from '../src/storage.js'
import type { Connect, LinkEvents, TransportName } from '../src/transport/link.js'
import { place, TestClock, ThrottledClock } from './world.js'

const CONNECTED = '{"type":"connected","version":"v2","connectionId":"id","timestamp":0}'
const KEEPALIVE = '{"type":"keepalive","timestamp":0}'
const BOTH = ['sse', 'websocket'] as const
const BASE = new URL('https://site.example/pro/__skew/')

/** A server in the hand of the test: it sees the latest link, and what was said on it. */
function connect(transport: TransportName | 'auto' = 'auto', version?: string, storage: Place = place(), clock = new TestClock()) {
  const links: { name: TransportName; query: URLSearchParams; events: LinkEvents; said: ClientMessage[]; closed: boolean }[] = []
  const opening = (name: TransportName): Connect => (_base, query, events) => {
    const link = { name, query, events, said: [] as ClientMessage[], closed: false }
    links.push(link)
    return { send: (message) => link.said.push(message), close: () => { link.closed = true } }
  }
  const server = { isThere: false }
  const environment: Pick<Environment, 'clock' | 'isReload' | 'links' | 'place' | 'probe'> = {
    clock,
    links: { sse: opening('sse'), websocket: opening('websocket') },
    place: storage,
    isReload: false,
    probe: () => Promise.resolve(server.isThere),
  }
  const phases: string[] = []
  const ids = ['ab12', 'cd34']
  const connection = createConnection(
    { base: BASE, transport, version, route: '/a b' }, { ...environment, page: { location: { href: 'https://site.example/', pathname: '/' } } },
    { get id() { return ids[0] ?? '' }, renew: () => ids.shift() }, (phase) => phases.push(phase), () => {},
  )
  connection.happened({ type: 'start' })
  const last = () => {
    const link = links.at(-1)
    if (link === undefined) throw new Error('no link was opened')
    return link
  }
  return { clock, connection, environment, last, links, phases, server }
}

describe('a connection', () => {
  test('says who it is, and what it was given', () => {
    const { last, clock } = connect('sse', 'v 1')
    expect(String(last().query)).toBe('route=%2Fa+b&tab=ab12&alive=1&v=v+1')
    last().events.received(CONNECTED.replace('}', ',"resume":"17;19"}'))
    last().events.ended(null)
    clock.pass(1_000)
    expect(last().query.get('since')).toBe('17;19')
  })

  test('comes back once under another id where another tab has its own', () => {
    const { last, links, clock, phases } = connect('sse')
    last().events.received(CONNECTED)
    last().events.ended(4409)
    clock.pass(1_000)
    expect(links.map(({ query }) => query.get('tab'))).toEqual(['ab12', 'cd34'])
    last().events.received(CONNECTED)
    last().events.ended(4409)
    clock.pass(100_000)
    expect([links.length, phases.at(-1)]).toEqual([2, 'closed'])
  })

  test('was of use since it opened, although another transport took it over a moment before it ended', () => {
    const { last, clock, connection } = connect()
    last().events.received(CONNECTED)
    clock.pass(20_000)
    last().events.received(CONNECTED)
    last().events.ended(null)
    expect(connection.session.failures).toBe(0)
  })

  test('is given up when nothing comes, and comes back', () => {
    const { clock, links, phases } = connect('websocket')
    clock.pass(CONNECT_MS)
    expect(links[0]?.closed).toBe(true)
    clock.pass(1_000)
    expect(links).toHaveLength(2)
    expect(phases).toEqual(['connecting', 'waiting', 'connecting'])
  })

  test('calls a server that ends each stream at once ever more seldom', () => {
    const { clock, last, links } = connect('websocket')
    let answered = 0
    for (let passed_ms = 0; passed_ms < 600_000; passed_ms += 500) {
      if (links.length > answered) {
        answered = links.length
        last().events.received(CONNECTED)
        last().events.ended(1000)
      }
      clock.pass(500)
    }
    expect(links.length).toBeGreaterThan(30)
    expect(links.length).toBeLessThan(50)
  })

  test('stays while there are signs of life', () => {
    for (const transport of BOTH) {
      const { clock, links, last, phases } = connect(transport)
      last().events.received(CONNECTED)
      for (let passed = 0; passed < 120; passed += 1) {
        clock.pass(30_500)
        last().events.received(KEEPALIVE)
      }
      expect(links).toHaveLength(1)
      expect(last().said).toEqual([])
      expect(phases).toEqual(['connecting', 'open'])
    }
  })

  test('changes the transport when the server answers and the stream does not', async () => {
    const { clock, last, server } = connect()
    server.isThere = true
    last().events.ended(1006)
    await Promise.resolve()
    await Promise.resolve()
    clock.pass(1_000)
    expect(last().name).toBe('sse')
  })

  test('begins with SSE where WebSocket did not get through, and forgets that once it does', () => {
    const storage = place()
    storage.write('headcount.sse', '1')
    expect(connect('websocket', undefined, storage).last().name).toBe('websocket')
    const { last, connection } = connect('auto', undefined, storage)
    expect(last().name).toBe('sse')
    last().events.received(CONNECTED)
    expect(connect('auto', undefined, storage).last().name).toBe('sse')
    last().events.received(CONNECTED) // That of a WebSocket, over which the link goes on.
    expect(connection.session.transport).toBe('websocket')
    expect(connect('auto', undefined, storage).last().name).toBe('websocket')
  })

  test('lets SSE find out about WebSocket only where both may be used', () => {
    const storage = place()
    expect(connect('auto', undefined, storage).last().events.memory).toBe(storage)
    expect(connect('sse', undefined, storage).last().events.memory).toBe(false)
  })

  test('comes back in its own time when the browser refuses to open one', async () => {
    const { clock, connection, environment } = connect('websocket')
    const { links } = environment
    Object.assign(links, { websocket: () => { throw new Error('forbidden by a policy') } })
    clock.pass(CONNECT_MS + 1_000)
    await Promise.resolve()
    expect(connection.session.phase).toBe('waiting')
  })
})

describe('a link that may be dead', () => {
  test('is asked when it was silent for too long, and given up without an answer, all within 75 s', () => {
    for (const transport of BOTH) {
      const { clock, connection, last, links } = connect(transport)
      last().events.received(CONNECTED)
      clock.pass(30_500)
      last().events.received(KEEPALIVE)
      clock.pass(44_000)
      expect(last().said).toEqual([])
      clock.pass(2_000)
      expect(last().said).toEqual([{ type: 'ping' }])
      clock.pass(29_000)
      expect(links[0]?.closed).toBe(true)
      expect(links.length).toBeGreaterThan(1)
      expect(connection.session.phase).not.toBe('open')
    }
  })

  test('is known for one within 75 s even in a page that nobody has seen for long, and another is tried within two minutes', () => {
    for (const transport of BOTH) {
      const { clock, connection, last, links } = connect(transport, undefined, undefined, new ThrottledClock())
      last().events.received(CONNECTED)
      for (let signs = 0; signs < 20; signs += 1) {
        clock.pass(30_500)
        last().events.received(KEEPALIVE)
      }
      expect([links.length, last().said]).toEqual([1, []])
      clock.pass(75_000)
      expect([links[0]?.closed, connection.session.phase]).toEqual([true, 'waiting'])
      clock.pass(45_000)
      expect(links.length).toBeGreaterThan(1)
    }
  })

  test('is kept where it answers, whatever its server sends otherwise', () => {
    for (const transport of BOTH) {
      const { clock, last, links } = connect(transport)
      last().events.received(CONNECTED)
      for (let passed_s = 0; passed_s < 3_600; passed_s += 1) {
        clock.pass(1_000)
        if (last().said.splice(0).length > 0) last().events.received('{"type":"pong"}')
      }
      expect(links).toHaveLength(1)
    }
  })

  test('waits as long as its server says', () => {
    for (const transport of BOTH) {
      const { clock, last, links } = connect(transport)
      last().events.received(CONNECTED.replace('}', ',"keepalive":120000}'))
      for (let signs = 0; signs < 3; signs += 1) {
        clock.pass(150_000)
        expect(last().said).toEqual([])
        last().events.received(KEEPALIVE)
      }
      clock.pass(2 * 120_000)
      expect(links[0]?.closed).toBe(true)
    }
  })

  test.each(['0', '-5', '0.5', '"soon"', 'null'])('waits as long as usual where its server says %s', (keepalive) => {
    const { clock, last, links } = connect('websocket')
    last().events.received(CONNECTED.replace('}', `,"keepalive":${keepalive}}`))
    clock.pass(44_000)
    expect([last().said, links.length]).toEqual([[], 1])
    clock.pass(24_000)
    expect(links[0]?.closed).toBe(true)
  })

  test('over WebSocket is asked when something happened to it, and over SSE only when it is silent', () => {
    const socket = connect('websocket')
    socket.last().events.received(CONNECTED)
    socket.connection.happened({ type: 'doubted' })
    expect(socket.last().said).toEqual([{ type: 'ping' }])
    socket.clock.pass(11_000)
    expect(socket.links).toHaveLength(2)
    const stream = connect('sse')
    stream.last().events.received(CONNECTED)
    stream.connection.happened({ type: 'doubted' })
    stream.clock.pass(11_000)
    expect([stream.last().said, stream.links.length]).toEqual([[], 1])
  })
})

describe('a page that was frozen, or whose machine slept', () => {
  for (const transport of BOTH) {
    test(`keeps a link that is well, over ${transport}`, () => {
      const { clock, last, links } = connect(transport)
      last().events.received(CONNECTED)
      clock.sleep(10 * 60_000)
      clock.pass(0)
      expect(last().said).toEqual([{ type: 'ping' }])
      // Again, before the answer was read.
      clock.sleep(10 * 60_000)
      clock.pass(0)
      expect(links).toHaveLength(1)
      expect(last().said).toHaveLength(2)
      last().events.received('{"type":"pong"}')
      clock.pass(30_000)
      expect(links).toHaveLength(1)
    })

    test(`gives up one that is not, soon, over ${transport}`, () => {
      const { clock, last, links } = connect(transport)
      last().events.received(CONNECTED)
      clock.sleep(10 * 60_000)
      clock.pass(12_000)
      expect(links).toHaveLength(2)
    })
  }
})
