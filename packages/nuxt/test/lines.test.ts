import { expect, it } from 'vitest'

import { createLineReader } from '../src/runtime/server/lines.js'

it('lines come out whole, however they were cut', () => {
  const text = '{"a":1}\n{"b":"x\\ny"}\n\n{"c":3}\n{"d"'
  for (let size = 1; size <= text.length; size += 1) {
    const read: unknown[] = []
    const take = createLineReader((line) => read.push(line))
    for (let at = 0; at < text.length; at += size) take(text.slice(at, at + size))
    expect(read).toEqual([{ a: 1 }, { b: 'x\ny' }, { c: 3 }])
  }
})
