// @vitest-environment happy-dom
// The way of browsers without the Navigation API. The other one is tried in Chromium, in e2e/.

import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import { watchRoute } from '../src/route.js'

let seen: string[]
let stop: AbortController
const page = window as Window & typeof globalThis
const original = page.history.pushState

beforeEach(async () => {
  page.history.replaceState(null, '', '/')
  seen = []
  stop = new AbortController()
  watchRoute(page, (route) => seen.push(route), stop.signal)
  await vi.waitFor(() => { expect(page.history.pushState).not.toBe(original) })
})
afterEach(() => { stop.abort() })

test('pushState and replaceState are noticed, as paths, and only when the path is another', () => {
  expect('navigation' in page).toBe(false)
  page.history.pushState({}, '', '/a?secret=1#here')
  page.history.pushState({}, '', '/a?secret=2')
  page.history.replaceState({}, '', '/b')
  expect(seen).toEqual(['/a', '/b'])
})

test('so is going back', () => {
  page.history.pushState({}, '', '/a')
  const unwatched = Object.getPrototypeOf(page.history) as History
  unwatched.replaceState.call(page.history, null, '', '/')
  page.dispatchEvent(new PopStateEvent('popstate'))
  expect(seen).toEqual(['/a', '/'])
})

test('a wrapper that the page puts around ours keeps working when the watching ends', () => {
  const ours = page.history.pushState
  const theirs: string[] = []
  page.history.pushState = function (this: History, ...said) {
    theirs.push(String(said[2]))
    ours.apply(this, said)
  }
  stop.abort()
  page.history.pushState({}, '', '/a')
  expect([theirs, seen, page.location.pathname]).toEqual([['/a'], [], '/a'])
  page.history.pushState = original
})
