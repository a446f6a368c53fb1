import { describe, expect, test } from 'vitest'

import vectors from '../../../protocol/vectors/deltas.json' with { type: 'json' }
import { createListeners } from '../src/events.js'
import type { Message, StatsDelta, StatsMessage } from '../src/messages.js'
import { changed, whole, type Stats } from '../src/stats.js'
import { createSubscription, isStats, type Subscription } from '../src/subscription.js'

/** As it would come over the wire. */
function message(value: object): StatsMessage | StatsDelta {
  const read = JSON.parse(JSON.stringify(value)) as Message
  if (!isStats(read) || read.type === 'stats-unauthorized') throw new Error('neither stats nor a delta')
  return read
}

function stats(value: object): Stats {
  const known = message(value)
  if (known.type !== 'stats') throw new Error('no stats')
  return whole(known)
}

function after(before: Stats, value: object): Stats | null {
  const known = message(value)
  if (known.type !== 'stats-delta') throw new Error('no delta')
  return changed(before, known)
}

/** What says the same is the same: rows in any order, and nothing where nothing is left out. */
function said({ total, visible, versions, routes, connections, connectionsTruncated, yourId }: Stats) {
  const rows = [...connections].sort((a, b) => a.id < b.id ? -1 : 1)
  return { total, visible, versions: Object.entries(versions).sort(), routes: Object.entries(routes).sort(), rows, isTruncated: connectionsTruncated ?? false, yourId }
}

const WHOLE = { type: 'stats', seq: 7, total: 1, visible: 1, versions: { v1: 1 }, routes: { '/': 1 }, connections: [{ id: 'me', version: 'v1', route: '/' }], yourId: 'me' }

describe('deltas', () => {
  test.each(vectors.cases)('$name', ({ stats: first, deltas, expect: expected, gap }) => {
    let now: Stats | null = stats(first)
    for (const delta of deltas) now = now && after(now, delta)
    if (gap) expect(now).toBeNull()
    else expect(now && said(now)).toEqual(said(stats(expected ?? {})))
  })

  test('leave what they began with alone, and keep what did not change', () => {
    const before = stats(WHOLE)
    const frozen = JSON.stringify(before)
    const now = after(before, { type: 'stats-delta', seq: 8, total: 2, versions: { v1: 2 }, connections: { other: { version: 'v1', route: '/' } } })
    expect(JSON.stringify(before)).toBe(frozen)
    expect(now).not.toBe(before)
    expect(now?.routes).toBe(before.routes)
    expect(now?.connections[0]).toBe(before.connections[0])
    expect(now?.versions).not.toBe(before.versions)
  })
})

test('counts have no inherited keys', () => {
  const found = stats(JSON.parse('{"type":"stats","total":1,"versions":{"__proto__":1},"routes":{},"connections":[],"yourId":"a"}') as object)
  expect(found.versions['__proto__']).toBe(1)
  expect(found.routes['constructor']).toBeUndefined()
  expect(Object.getPrototypeOf(found.versions)).toBeNull()
})

describe('a subscription', () => {
  function subscribing() {
    const asked: (boolean | null)[] = []
    const shown: number[] = []
    const listeners = createListeners((error) => { throw error })
    listeners.on('stats', ({ total }) => shown.push(total))
    const subscription: Subscription = createSubscription(listeners, (connections) => asked.push(connections))
    const hear = (value: object): void => { subscription.received(message(value)) }
    return { asked, shown, subscription, hear }
  }

  test('is asked for once, however many want it, and ends with the last', () => {
    const { asked, subscription } = subscribing()
    const stops = [subscription.subscribe(), subscription.subscribe()]
    stops[0]?.()
    stops[0]?.()
    expect(asked).toEqual([true])
    stops[1]?.()
    expect(asked).toEqual([true, null])
  })

  test('lists connections while anybody wants them', () => {
    const { asked, subscription } = subscribing()
    const one = subscription.subscribe({ connections: false })
    const other = subscription.subscribe()
    other()
    one()
    expect(asked).toEqual([false, true, false, null])
  })

  test('shows complete numbers after each change', () => {
    const { shown, subscription, hear } = subscribing()
    subscription.subscribe()
    hear(WHOLE)
    hear({ type: 'stats-delta', seq: 8, total: 5 })
    hear({ type: 'stats-delta', seq: 9, versions: { v1: 5 } })
    expect(shown).toEqual([1, 5, 5])
    expect(subscription.stats?.versions['v1']).toBe(5)
  })

  test('is asked for again once if something is missing, and shows the last known numbers until then', () => {
    const { asked, shown, subscription, hear } = subscribing()
    subscription.subscribe({ connections: false })
    hear(WHOLE)
    hear({ type: 'stats-delta', seq: 9, total: 5 })
    hear({ type: 'stats-delta', seq: 10, total: 6 })
    expect(asked).toEqual([false, false])
    expect([shown, subscription.stats?.total]).toEqual([[1], 1])
    hear({ ...WHOLE, seq: 20, total: 7 })
    hear({ type: 'stats-delta', seq: 21, total: 8 })
    expect(shown).toEqual([1, 7, 8])
  })

  test('works with a server that sends everything every time', () => {
    const { asked, shown, subscription, hear } = subscribing()
    const { seq: _, visible: __, ...plain } = WHOLE
    subscription.subscribe()
    hear(plain)
    hear({ ...plain, total: 2 })
    expect([asked, shown]).toEqual([[true], [1, 2]])
  })

  test('knows nothing once it ended, or was refused', () => {
    const { shown, subscription, hear } = subscribing()
    const stop = subscription.subscribe()
    hear(WHOLE)
    stop()
    hear(WHOLE) // Was on its way.
    expect([shown, subscription.stats]).toEqual([[1], null])
    subscription.subscribe()
    hear(WHOLE)
    subscription.received({ type: 'stats-unauthorized' })
    expect(subscription.stats).toBeNull()
  })
})
