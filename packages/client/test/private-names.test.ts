// The build shortens these names of properties; somebody else may know none of them.

import { readdirSync, readFileSync } from 'node:fs'

import { expect, test } from 'vitest'

import { PRIVATE_NAMES } from '../private-names.js'

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8')
const VECTORS = '../../../protocol/vectors/'
const protocol = ['../../../protocol/PROTOCOL.md', ...readdirSync(new URL(VECTORS, import.meta.url)).map((file) => VECTORS + file)].map(read).join()

test.each(PRIVATE_NAMES)('%s', (name) => {
  // After a build, what is exported; the build itself inlines every type that the public ones need.
  expect(read('../dist/index.d.ts')).not.toMatch(new RegExp(`\\b${name}\\??[:(]`))
  expect(protocol).not.toMatch(new RegExp(`"${name}\\\\?":`))
})
