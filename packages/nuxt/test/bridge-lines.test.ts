// The cases of the protocol for the lines of a bridge.

import { expect, it } from 'vitest'

import vectors from '../../../protocol/vectors/bridge-lines.json' with { type: 'json' }
import { createLineReader } from '../src/runtime/server/lines.js'
import { createRoster, type BridgeLine, type Happening } from '../src/runtime/server/roster.js'

it('an app that reads every line knows what is open', () => {
  const roster = createRoster()
  const heard: Happening[] = []
  roster.begin()
  const take = createLineReader((line) => heard.push(...roster.read(line as BridgeLine)))
  for (const { line } of vectors.cases) take(`${line}\n`)
  expect(heard).toEqual([
    { type: 'open', id: 'a', version: 'v1', route: '/checkout', ip: '203.0.113.7', replayed: true },
    { type: 'open', id: 'b', version: 'v1', route: undefined, ip: undefined, replayed: false },
    { type: 'route-update', id: 'a', route: '/cart' },
    { type: 'close', id: 'b' },
  ])
})
