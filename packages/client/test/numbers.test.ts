import { describe, expect, test, vi } from 'vitest'

import { createListeners } from '../src/events.js'
import type { Connected, StatsMessage } from '../src/messages.js'
import { createNumbers, type LoadReading } from '../src/numbers.js'
import * as reading from '../src/subscription.js'

const STATS: StatsMessage = { type: 'stats', total: 3, versions: { v1: 3 }, routes: {}, yourId: 'id', seq: 1 }
const CONNECTED: Connected = { type: 'connected', version: 'v2', connectionId: 'id', timestamp: 0 }

function numbers(load: LoadReading = () => Promise.resolve(reading)) {
  const asked: (boolean | null)[] = []
  const errors: unknown[] = []
  const loadReading = vi.fn(load)
  const numbers = createNumbers(loadReading, createListeners(() => {}), (connections) => asked.push(connections), (error) => errors.push(error))
  return { asked, errors, loadReading, numbers }
}

describe('the numbers', () => {
  test('are read by a part that is loaded for the first page that asks', async () => {
    const { asked, loadReading, numbers: all } = numbers()
    const { subscribe, received } = all
    received(CONNECTED)
    expect([loadReading.mock.calls.length, all.stats]).toEqual([0, null])
    const ends = [subscribe(), subscribe({ connections: false })]
    expect(asked).toEqual([])
    await vi.waitFor(() => { expect(asked).toEqual([true]) })
    ends.push(subscribe())
    for (const end of ends) end()
    expect(asked).toEqual([true, null])
  })

  test('are the latest', async () => {
    const { asked, numbers: all } = numbers()
    all.subscribe()
    await vi.waitFor(() => { expect(asked).toHaveLength(1) })
    all.received(STATS)
    expect(all.stats?.total).toBe(3)
  })

  test('are not asked for if the page unsubscribes while the part loads', async () => {
    const { asked, loadReading, numbers: all } = numbers()
    all.subscribe()()
    await loadReading.mock.results[0]?.value
    await Promise.resolve()
    expect(asked).toEqual([])
  })

  test('that cannot be read yet are asked for again on the next stream', async () => {
    let isThere = false
    const { asked, errors, numbers: all } = numbers(() => isThere ? Promise.resolve(reading) : Promise.reject(new TypeError('404')))
    all.subscribe()
    await vi.waitFor(() => { expect(errors).toHaveLength(1) })
    isThere = true
    all.received(CONNECTED)
    await vi.waitFor(() => { expect(asked).toEqual([true]) })
  })
})
