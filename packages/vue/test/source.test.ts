// What the source knows of a client that others use as well.

import { expect, test, vi } from 'vitest'
import { createSource } from '../src/source.js'

const client = vi.hoisted(() => ({ state: 'open', route: '/', stats: null as object | null, on: () => () => {}, subscribe: () => () => {}, close: () => {} }))
vi.mock('@headcount/client', () => ({ createHeadcount: () => client }))

test('who comes again sees the numbers at once, although another part of the page wanted them all the time', () => {
  const source = createSource({})
  source.start()
  const end = source.watch({ connections: true })
  expect([source.known.stats, source.known.authorized]).toEqual([null, null])
  end()
  client.stats = { total: 1 }
  expect(source.known.stats).toBe(null)
  source.watch({ connections: true })
  expect([source.known.stats, source.known.authorized]).toEqual([{ total: 1 }, true])
})
