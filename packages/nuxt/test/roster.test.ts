import { describe, expect, it } from 'vitest'

import { createRoster, type BridgeLine } from '../src/runtime/server/roster.js'

function open(id: string, route: string, replay = false): BridgeLine {
  return { type: 'open', id, version: 'v1', route, replay }
}

function lines(...all: BridgeLine[]) {
  const roster = createRoster()
  return { roster, told: all.flatMap((line) => roster.read(line)) }
}

describe('a roster', () => {
  it('passes on what happens, in order', () => {
    const { told } = lines(open('a', '/', true), { type: 'ready' }, open('b', '/b'), { type: 'route-update', id: 'a', route: '/c' }, { type: 'close', id: 'b' })
    expect(told.map(({ type, id }) => `${type} ${id}`)).toEqual(['open a', 'open b', 'route-update a', 'close b'])
    expect(told[0]).toMatchObject({ replayed: true, version: 'v1', route: '/' })
    expect(told[1]).toMatchObject({ replayed: false })
  })

  it('tells after a new beginning only what is different', () => {
    const { roster } = lines(open('stays', '/'), open('moves', '/'), open('leaves', '/'))
    roster.begin()
    const told = [open('stays', '/', true), open('moves', '/b', true), open('comes', '/', true), { type: 'ready' }].flatMap((line) => roster.read(line))
    expect(told).toEqual([
      { type: 'route-update', id: 'moves', route: '/b' },
      { type: 'open', id: 'comes', version: 'v1', route: '/', ip: undefined, replayed: true },
      { type: 'close', id: 'leaves' },
    ])
  })

  it('closes what it knows when another instance takes over', () => {
    const { roster } = lines(open('a', '/'))
    expect(roster.forget()).toEqual([{ type: 'close', id: 'a' }])
    expect(roster.read({ type: 'close', id: 'a' })).toEqual([])
  })

  it('ignores what it does not know', () => {
    const { told } = lines({ type: 'close', id: 'x' }, { type: 'route-update', id: 'x', route: '/' }, { type: 'news' }, { type: 'keepalive' })
    expect(told).toEqual([])
  })
})
