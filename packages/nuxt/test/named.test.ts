import { expect, test } from 'vitest'

import { nameBuild } from '../src/runtime/server/named.js'

const head = (build: string): string => `<meta charset="utf-8"><meta name="headcount-version" content="${build}"><title>A</title>`

test.each([
  ['build-2', 'build-2'],
  ['', 'built'],
  ['$&"<', '$&amp;&quot;&lt;'],
])('a page of the build %s names it', (build, named) => {
  expect(nameBuild(head('built'), build)).toBe(head(named))
})

test('a head that names no build stays as it is', () => {
  expect(nameBuild('<title>A</title>', 'build-2')).toBe('<title>A</title>')
})
