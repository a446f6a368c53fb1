// @vitest-environment node

// The code of the READMEs compiles, and what it imports and takes from the composables is there.

import { readFile } from 'node:fs/promises'
import { compileScript, compileTemplate, parse } from 'vue/compiler-sfc'
import { expect, test } from 'vitest'
import * as exported from '../src/index.js'

for (const name of ['vue', 'nuxt']) {
  test(`every component in the README of ${name} compiles`, async () => {
    const text = await readFile(new URL(`../../${name}/README.md`, import.meta.url), 'utf8')
    const blocks = [...text.matchAll(/^```vue\n(.*?)^```/gms)].map(([, source = '']) => source)
    expect(blocks.length).toBeGreaterThan(0)
    for (const source of blocks) compile(source)
  })
}

function compile(source: string): void {
  const { descriptor, errors } = parse(source)
  expect(errors).toEqual([])
  const script = descriptor.scriptSetup === null ? undefined : compileScript(descriptor, { id: 'readme' })
  for (const { imported, source: from } of Object.values(script?.imports ?? {})) {
    if (from === '@headcount/vue') expect(Object.keys(exported)).toContain(imported)
  }
  if (descriptor.template === null) return
  const { code: _code, ...template } = compileTemplate({ id: 'readme', filename: 'README.vue', source: descriptor.template.content })
  expect(template.errors).toEqual([])
}
