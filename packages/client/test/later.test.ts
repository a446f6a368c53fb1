import { expect, test, vi } from 'vitest'

import type { Link } from '../src/transport/link.js'
import { later } from '../src/transport/later.js'

const BASE = new URL('https://site.example/__skew/')

function opening(isThere = true) {
  const link: Link = { send: vi.fn(), close: vi.fn() }
  const connect = vi.fn(() => link)
  const events = { received: vi.fn(), ended: vi.fn() }
  const loading = isThere ? Promise.resolve(connect) : Promise.reject(new TypeError('404'))
  const opened = later(() => loading)(BASE, new URLSearchParams('tab=a'), events)
  return { link, connect, events, opened, loaded: loading.then(() => {}, () => {}).then(() => {}) }
}

test('a transport opens once it is there, and is spoken to and closed like any other', async () => {
  const { link, connect, events, opened, loaded } = opening()
  await loaded
  expect(connect).toHaveBeenCalledWith(BASE, new URLSearchParams('tab=a'), events)
  opened.send({ type: 'ping' }, 'id')
  opened.close()
  expect([link.send, link.close].map((done) => vi.mocked(done).mock.calls.length)).toEqual([1, 1])
})

test('one that is given up before it is there does not open', async () => {
  const { connect, events, opened, loaded } = opening()
  opened.close()
  await loaded
  expect([connect, events.ended].map((done) => done.mock.calls.length)).toEqual([0, 0])
})

test('one that is gone ends like one that does not get through', async () => {
  const { events } = opening(false)
  await vi.waitFor(() => { expect(events.ended).toHaveBeenCalledWith(null) })
})
