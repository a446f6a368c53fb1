import { beforeEach, describe, expect, it, vi } from 'vitest'

import { askAnew } from '../src/runtime/anew.js'

let clock = 0
let posted: string[] = []

function start(delays = [0, 10]) {
  return askAnew({ post: (id) => { posted.push(id); return Promise.resolve() }, delays, now: () => clock })
}

beforeEach(() => {
  vi.useFakeTimers()
  ;[clock, posted] = [0, []]
})

describe('asking again', () => {
  it('is left alone while the connection is as old as the question', () => {
    const anew = start()
    anew.connected('c1')
    anew.wanted()
    anew.refused()
    vi.runAllTimers()
    expect(posted).toEqual([])
  })

  it('is done when somebody comes to want stats after the browser may have signed in', () => {
    const anew = start()
    anew.connected('c1')
    clock = 5_000
    anew.wanted()
    anew.refused()
    expect(posted).toEqual(['c1'])
    anew.refused()
    vi.runAllTimers()
    expect(posted).toEqual(['c1'])
  })

  it('is done again by the next who comes, and not twice at once', () => {
    const anew = start()
    anew.connected('c1')
    anew.wanted()
    anew.refused()
    clock = 5_000
    anew.wanted()
    anew.wanted()
    expect(posted).toEqual(['c1'])
  })

  it('is done when the user goes to another page where somebody still wants stats', () => {
    const anew = start()
    anew.connected('c1')
    const unwanted = anew.wanted()
    anew.refused()
    clock = 5_000
    anew.moved()
    expect(posted).toEqual(['c1'])
    anew.admitted()
    anew.moved()
    unwanted()
    expect(posted).toEqual(['c1'])
  })

  it('follows an admission that was lost, as often as there are delays', () => {
    const anew = start()
    anew.wanted()
    anew.connected('c1')
    anew.admitted()
    for (let refusal = 0; refusal < 4; refusal += 1) {
      anew.refused()
      vi.runAllTimers()
    }
    expect(posted).toEqual(['c1', 'c1'])
    anew.admitted()
    anew.refused()
    vi.runAllTimers()
    expect(posted).toHaveLength(3)
  })

  it('is not done when nobody wants stats any more, nor for a connection that ended', () => {
    const anew = start()
    const unwanted = anew.wanted()
    anew.connected('c1')
    anew.admitted()
    unwanted()
    unwanted()
    anew.refused()
    vi.runAllTimers()
    anew.wanted()
    anew.admitted()
    anew.refused()
    anew.connected('c2')
    vi.runAllTimers()
    expect(posted).toEqual([])
  })
})
