import { describe, expect, test } from 'vitest'

import clientVectors from '../../../protocol/vectors/client-messages.json' with { type: 'json' }
import serverVectors from '../../../protocol/vectors/server-messages.json' with { type: 'json' }
import { read, type ClientMessage } from '../src/messages.js'

describe('what a server sends', () => {
  test.each(serverVectors.cases)('$name', ({ text }) => {
    const received = read(text)
    expect(received?.known).not.toBeNull()
    // What comes out says the same, to the letter.
    expect(JSON.stringify(received?.known)).toBe(text)
    expect(JSON.stringify(received?.message)).toBe(text)
  })

  test('counts have no inherited keys', () => {
    const known = read('{"type":"stats","total":1,"versions":{"__proto__":1},"routes":{},"connections":[],"yourId":"a"}')?.known
    if (known?.type !== 'stats') throw new Error('not read as stats')
    expect(known.versions['__proto__']).toBe(1)
    expect(known.routes['constructor']).toBeUndefined()
  })

  test.each(['', 'ping', 'null', '[]', '"connected"', '{}', '{"type":1}', '{"type":"pong"'])('%s is no message', (text) => {
    expect(read(text)).toBeNull()
  })

  test.each([
    '{"type":"welcome","text":"hello"}',
    '{"type":"constructor"}',
    '{"type":"connected","version":"v2"}',
    '{"type":"reconnect","after":"soon"}',
    '{"type":"stats","total":1,"versions":null,"routes":{},"connections":[]}',
  ])('%s is a message, but none that is acted upon', (text) => {
    expect(read(text)).toEqual({ message: JSON.parse(text), known: null })
  })
})

describe('what this client says, as the server understands it', () => {
  const says: [ClientMessage, unknown][] = [
    [{ type: 'route-update', route: '/checkout' }, { routeUpdate: '/checkout' }],
    [{ type: 'subscribe-stats' }, 'subscribe-stats'],
    [{ type: 'unsubscribe-stats' }, 'unsubscribe-stats'],
    [{ type: 'ping' }, 'ping'],
  ]
  test.each(says)('%j', (message, expected) => {
    const text = JSON.stringify(message)
    expect(clientVectors.find((vector) => vector.text === text)?.expect).toEqual(expected)
  })
})
