import { describe, expect, test } from 'vitest'

import { leaveTabId, takeTabId } from '../src/identity.js'
import { blocked, place } from './world.js'

let counter = 0
const random = (words: Uint32Array<ArrayBuffer>): Uint32Array => words.fill(counter += 1)

describe('a tab', () => {
  test('keeps its id over a reload', () => {
    const storage = place()
    const id = takeTabId(storage, random)
    leaveTabId(storage, id)
    expect(takeTabId(storage, random)).toBe(id)
  })

  test('does not share it with its duplicate, which gets a copy of the storage', () => {
    const storage = place()
    const id = takeTabId(storage, random)
    expect(takeTabId(storage, random)).not.toBe(id)
  })

  test('has one for each page where storage is blocked', () => {
    const id = takeTabId(blocked, random)
    leaveTabId(blocked, id)
    expect(takeTabId(blocked, random)).not.toBe(id)
  })

  test('has one of 128 bits, within the 64 bytes that a server takes', () => {
    expect(takeTabId(place(), (words) => crypto.getRandomValues(words))).toMatch(/^(\d{1,10}-){3}\d{1,10}$/)
  })
})
