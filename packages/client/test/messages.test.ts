import { describe, expect, test } from 'vitest'

import clientVectors from '../../../protocol/vectors/client-messages.json' with { type: 'json' }
import serverVectors from '../../../protocol/vectors/server-messages.json' with { type: 'json' }
import { read, type ClientMessage, type Outcome } from '../src/messages.js'
import { isStats } from '../src/subscription.js'

describe('what a server sends', () => {
  test.each(serverVectors.cases)('$name', ({ text }) => {
    const received = read(text)
    const isForAll = /^\{"type":"(connected|version|reconnect)"/.test(text)
    // What comes out says the same, to the letter.
    expect(JSON.stringify(received?.known)).toBe(isForAll ? text : 'null')
    expect(JSON.stringify(received?.message)).toBe(text)
    expect(isStats(received?.message ?? { type: '' })).toBe(text.startsWith('{"type":"stats'))
  })

  test.each(['', 'ping', 'null', '[]', '"connected"', '{}', '{"type":1}', '{"type":"pong"'])('%s is no message', (text) => {
    expect(read(text)).toBeNull()
  })

  test.each([
    '{"type":"welcome","text":"hello"}',
    '{"type":"constructor"}',
    '{"type":"connected","version":"v2"}',
    '{"type":"stats-delta","total":1}',
    '{"type":"reconnect","after":"soon"}',
    '{"type":"stats","total":1,"versions":null,"routes":{},"connections":[]}',
  ])('%s is a message, but none that is acted upon', (text) => {
    expect(read(text)).toEqual({ message: JSON.parse(text), known: null })
    expect(isStats(JSON.parse(text))).toBe(false)
  })
})

describe('what this client says, as the server understands it', () => {
  const ack = (outcome: Outcome): [ClientMessage, unknown] => [{ type: 'ack', id: 17, outcome }, { ack: { id: 17, outcome } }]
  const says: [ClientMessage, unknown][] = [
    [{ type: 'route-update', route: '/checkout' }, { routeUpdate: '/checkout' }],
    [{ type: 'visibility', state: 'hidden' }, { hidden: true }],
    [{ type: 'visibility', state: 'visible' }, { hidden: false }],
    [{ type: 'subscribe-stats', delta: true, connections: true }, { subscribe: { delta: true, connections: true } }],
    [{ type: 'subscribe-stats', delta: true, connections: false }, { subscribe: { delta: true, connections: false } }],
    [{ type: 'unsubscribe-stats' }, 'unsubscribe-stats'],
    [{ type: 'ping' }, 'ping'],
    ...(['reloading', 'held', 'waiting', 'prompted', 'stuck', 'current'] as const).map(ack),
  ]
  test.each(says)('%j', (message, expected) => {
    const text = JSON.stringify(message)
    expect(clientVectors.find((vector) => vector.text === text)?.expect).toEqual(expected)
  })
})
