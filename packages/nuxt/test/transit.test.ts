import { createHooks } from 'hookable'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createMemoryHistory, createRouter, type Router } from 'vue-router'

import { holdInTransit } from '../src/runtime/transit.js'

type Hooks = Record<'page:loading:start' | 'page:loading:end' | 'app:chunkError', () => void>

const Page = { render: () => null }
let held = 0
/** What the loads of the pages' code wait for. */
let arrivals: Record<string, PromiseWithResolvers<typeof Page>>
let hooks: ReturnType<typeof createHooks<Hooks>>
let router: Router
/** Ends the middleware that the next navigation meets. */
let letIn: () => void
let stop: () => void

function deferred<T>(): PromiseWithResolvers<T> {
  let resolve!: (value: T | PromiseLike<T>) => void
  let reject!: (reason?: unknown) => void
  const promise = new Promise<T>((good, bad) => { [resolve, reject] = [good, bad] })
  return { promise, resolve, reject }
}

beforeEach(async () => {
  vi.useFakeTimers()
  held = 0
  arrivals = { a: deferred(), b: deferred() }
  hooks = createHooks<Hooks>()
  router = createRouter({
    history: createMemoryHistory(),
    routes: [{ path: '/', component: Page }, ...['a', 'b'].map((name) => ({ path: `/${name}`, component: () => arrivals[name]!.promise }))],
  })
  await router.push('/')
  // As Nuxt's own guard does, and before ours.
  let isFirst = true
  router.beforeEach(async ({ query }) => {
    await hooks.callHook('page:loading:start')
    if ('slow' in query && isFirst) await new Promise<void>((resolve) => { letIn = resolve })
    isFirst = false
    return !('forbidden' in query)
  })
  router.afterEach((_to, _from, failure) => { if (failure) void hooks.callHook('page:loading:end') })
  router.onError(() => hooks.callHook('page:loading:end'))
  stop = holdInTransit(router, (name, listener) => hooks.hook(name, listener), () => {
    held += 1
    return () => { held -= 1 }
  })
})

afterEach(() => {
  stop()
  expect(held).toBe(0)
  vi.useRealTimers()
})

/** Lets everything happen that waits for nothing but its turn. */
async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0)
}

describe('a refresh', () => {
  it('is held from the first guard until the page is there', async () => {
    const going = router.push('/a?slow')
    await settle()
    expect(held).toBe(1)
    letIn()
    await settle()
    expect(held).toBe(1)
    arrivals['a']!.resolve(Page)
    await going
    expect(held).toBe(0)
  })

  it('is held on the way to the page that was asked for last', async () => {
    const first = router.push('/a')
    await settle()
    const second = router.push('/b')
    await settle()
    arrivals['a']!.resolve(Page)
    await first
    expect(held).toBe(1)
    arrivals['b']!.resolve(Page)
    await second
    expect(held).toBe(0)
  })

  it('is free again when a guard says no', async () => {
    await router.push('/a?forbidden')
    await settle()
    expect(held).toBe(0)
  })

  it('is free again when a page fails for another reason', async () => {
    const going = router.push('/a')
    await settle()
    arrivals['a']!.reject(new Error('this page has a mistake'))
    await expect(going).rejects.toThrow()
    await settle()
    expect(held).toBe(0)
  })

  it('leaves a page whose code is gone to Nuxt, and comes back if Nuxt does nothing', async () => {
    const going = router.push('/a')
    await settle()
    await hooks.callHook('app:chunkError')
    arrivals['a']!.reject(new Error('Failed to fetch dynamically imported module'))
    await expect(going).rejects.toThrow()
    await vi.advanceTimersByTimeAsync(9_000)
    expect(held).toBe(1)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(held).toBe(0)
  })

  it('is held again by the next navigation after that', async () => {
    const going = router.push('/a')
    await settle()
    await hooks.callHook('app:chunkError')
    arrivals['a']!.reject(new Error('Failed to fetch dynamically imported module'))
    await expect(going).rejects.toThrow()
    const next = router.push('/b')
    await vi.advanceTimersByTimeAsync(10_000)
    expect(held).toBe(1)
    arrivals['b']!.resolve(Page)
    await next
    expect(held).toBe(0)
  })

  it('is not held for ever by what only Nuxt calls loading', async () => {
    await hooks.callHook('page:loading:start')
    expect(held).toBe(1)
    await hooks.callHook('page:loading:end')
    expect(held).toBe(0)
  })
})
