// @vitest-environment happy-dom

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

import { LOAD_MS, showBanner, type LoadQuestion } from '../src/banner.js'
import { createListeners, type Prompt } from '../src/events.js'
import { drawPlain } from '../src/plain.js'
import * as question from '../src/question.js'
import { TestClock } from './world.js'

const prompt = (): Prompt => ({ command: { id: 17, version: 'v2' }, reasons: ['form'], reload: vi.fn(), later: vi.fn() })
const banners = () => document.querySelectorAll('headcount-banner')
const plain = () => Array.from(document.querySelectorAll('button'), (button) => button)

let stop: AbortController
beforeEach(() => { stop = new AbortController() })
afterEach(() => {
  stop.abort()
  document.body.innerHTML = ''
})

function banner(load: LoadQuestion) {
  const clock = new TestClock()
  const listeners = createListeners((error) => { throw error })
  const loadQuestion = vi.fn(load)
  showBanner((prompt) => drawPlain(document, {}, prompt), document, listeners, {}, { clock, loadQuestion }, stop.signal)
  return { clock, listeners, loadQuestion }
}

describe('the question', () => {
  test('is loaded for the first prompt, and shown once however often it is asked', async () => {
    const { listeners, loadQuestion } = banner(() => Promise.resolve(question))
    expect(loadQuestion).not.toHaveBeenCalled()
    listeners.emit('prompt', prompt())
    listeners.emit('prompt', prompt())
    await vi.waitFor(() => { expect(banners()).toHaveLength(1) })
    listeners.emit('reloading', { id: 17, version: 'v2' })
    expect(banners()).toHaveLength(0)
  })

  test('is not shown once the page reloads', async () => {
    const { listeners, clock } = banner(() => Promise.resolve(question))
    listeners.emit('prompt', prompt())
    listeners.emit('reloading', { id: 17, version: 'v2' })
    await Promise.resolve()
    clock.pass(LOAD_MS)
    expect([banners().length, plain()]).toEqual([0, []])
  })
})

describe('a plain button asks', () => {
  test('where the question is gone', async () => {
    const { listeners } = banner(() => Promise.reject(new TypeError('404')))
    const asked = prompt()
    listeners.emit('prompt', asked)
    await vi.waitFor(() => { expect(plain()).toHaveLength(1) })
    plain()[0]?.click()
    expect(asked.reload).toHaveBeenCalled()
    listeners.emit('reloading', asked.command)
    expect(plain()).toEqual([])
  })

  test('where the question cannot be drawn', async () => {
    const { listeners } = banner(() => Promise.resolve({ draw() { throw new Error('no style sheets') } }))
    listeners.emit('prompt', prompt())
    await vi.waitFor(() => { expect(plain()).toHaveLength(1) })
  })

  test('where the question does not come in time, and it stays the only one', async () => {
    let come = (_: typeof question): void => {}
    const { listeners, clock } = banner(() => new Promise((resolve) => { come = resolve }))
    listeners.emit('prompt', prompt())
    clock.pass(LOAD_MS - 1)
    expect(plain()).toEqual([])
    clock.pass(1)
    expect(plain()).toHaveLength(1)
    come(question)
    await Promise.resolve()
    await Promise.resolve()
    expect([banners().length, plain().length]).toEqual([0, 1])
  })
})
