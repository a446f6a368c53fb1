import { describe, expect, test } from 'vitest'

import { createIdentity, type Identity } from '../src/identity.js'
import type { Place } from '../src/storage.js'
import { blocked, place } from './world.js'

let counter = 0
const random = { getRandomValues: (words: Uint32Array<ArrayBuffer>) => words.fill(counter += 1) } as unknown as Crypto

const take = (storage: Place): Identity => createIdentity(storage, random)

describe('a tab', () => {
  test('keeps its id over a reload', () => {
    const storage = place()
    const tab = take(storage)
    tab.leave()
    expect(take(storage).id).toBe(tab.id)
  })

  test('does not share it with its duplicate, which gets a copy of the storage', () => {
    const storage = place()
    const tab = take(storage)
    expect(take(storage).id).not.toBe(tab.id)
  })

  test('keeps the one that it took since another tab has the first', () => {
    const storage = place()
    const tab = take(storage)
    const first = tab.id
    tab.renew()
    tab.leave()
    expect(tab.id).not.toBe(first)
    expect(take(storage).id).toBe(tab.id)
  })

  test('has that of its last page when one comes back out of the back/forward cache', () => {
    const storage = place()
    const kept = take(storage)
    kept.leave()
    const next = take(storage)
    next.renew()
    next.leave()
    kept.take()
    expect(kept.id).toBe(next.id)
    kept.take()
    expect(kept.id).toBe(next.id)
  })

  test('has one for each page where storage is blocked', () => {
    const tab = take(blocked)
    tab.leave()
    expect(take(blocked).id).not.toBe(tab.id)
  })

  test('has one of 128 bits, within the 64 bytes that a server takes', () => {
    expect(createIdentity(place(), crypto).id).toMatch(/^(\d{1,10}-){3}\d{1,10}$/)
  })
})
