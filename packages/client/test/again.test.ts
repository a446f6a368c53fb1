// @vitest-environment happy-dom
// How a page goes that was asked to before, and whose user stayed.

import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import { reloadAgain } from '../src/again.js'
import { takeReloaded } from '../src/reloaded.js'
import { blocked, place } from './world.js'

beforeEach(() => { vi.useFakeTimers() })
afterEach(() => { vi.useRealTimers() })

/** A page at `href`, to which the browser does `does` when it is reloaded. */
function page(href: string, does?: 'ask' | 'go') {
  const went: string[] = []
  const target = new EventTarget()
  const location = { href, search: new URL(href).search, replace: (to: string) => { went.push(`${to} from ${location.href}`) } }
  const history = { state: { app: 1 }, replaceState: (_state: unknown, _unused: string, to: string) => { location.href = new URL(to, location.href).href } }
  const reload = (): void => {
    went.push('reload')
    const event = new Event('beforeunload', { cancelable: true })
    if (does === 'ask') event.preventDefault()
    target.dispatchEvent(event)
    if (does === 'go') target.dispatchEvent(new Event('pagehide'))
  }
  return { page: Object.assign(target, { location, history }) as unknown as Window, location, went, reload }
}

test.each(['go', 'ask'] as const)('it is reloaded, and no more where the browser does "%s"', (does) => {
  const { page: there, went, reload } = page('https://site.example/a', does)
  reloadAgain(there, place(), reload)
  vi.advanceTimersByTime(10_000)
  expect(went).toEqual(['reload'])
})

test('it goes to its address where not, and the next page knows what for, once', () => {
  const memory = place()
  memory.write('headcount.reloaded', 'epoch.17,19')
  const { page: there, went, reload } = page('https://site.example/a?b=1')
  reloadAgain(there, memory, reload)
  vi.advanceTimersByTime(10_000)
  expect(went).toEqual(['reload', 'https://site.example/a?b=1 from https://site.example/a?b=1'])
  expect(takeReloaded(memory, false, 'https://site.example/a?b=1')).toBe('epoch.17,19')
  expect(takeReloaded(memory, false, 'https://site.example/a?b=1')).toBe('')
})

test('another page that is no reload was not loaded for it', () => {
  const memory = place()
  memory.write('headcount.reloaded', '17 https://site.example/a')
  expect(takeReloaded(memory, false, 'https://site.example/b')).toBe('')
  memory.write('headcount.reloaded', '17')
  expect(takeReloaded(memory, false, 'https://site.example/b')).toBe('')
})

test.each(['', '?b=1'])('an address with a fragment and the query "%s" differs for a moment, and is right again where its user stays', (query) => {
  const href = `https://site.example/a${query}#part`
  const { page: there, location, went, reload } = page(href)
  reloadAgain(there, place(), reload)
  vi.advanceTimersByTime(2_000)
  expect(went[1]).toBe(`${href} from https://site.example/a?${query.slice(1)}&`)
  vi.advanceTimersByTime(5_000)
  expect(location.href).toBe(href)
})

test('it stays at the reload where the next page could not know', () => {
  const { page: there, went, reload } = page('https://site.example/a')
  reloadAgain(there, blocked, reload)
  vi.advanceTimersByTime(10_000)
  expect(went).toEqual(['reload'])
})
