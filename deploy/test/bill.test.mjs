// The bill of materials: it holds to the schema of CycloneDX, names what is in the binary, and nothing of the machine that made it.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { before, test } from 'node:test'

import { Spec, Validation } from '@cyclonedx/cyclonedx-library'

import { artefact } from './handed-out.mjs'

let text, bill
before(async () => {
  text = await readFile(await artefact(/\.cdx\.json$/), 'utf8')
  bill = JSON.parse(text)
})

test('it holds to the schema', async () => {
  assert.equal(await new Validation.JsonStrictValidator(Spec.Version.v1dot5).validate(text), null)
})

test('it names crates of the binary and packages of the board, and no tool', () => {
  const names = bill.components.map(({ name }) => name)
  for (const name of ['headcount-core', 'hyper', 'redb', '@headcount/client', 'vue', 'uplot']) assert.ok(names.includes(name), name)
  for (const name of ['vite', 'vitest', 'proptest', 'headcount-bench', 'nuxt']) assert.ok(!names.includes(name), name)
})

test('every component has a version and a licence', () => {
  for (const { name, version, licenses } of bill.components) assert.ok(version && licenses?.length > 0, `${name} ${version}`)
})

test('everything that has dependencies, and each of those, is a component', () => {
  const known = new Set([bill.metadata.component, ...bill.components].map((component) => component['bom-ref']))
  for (const { ref, dependsOn = [] } of bill.dependencies) for (const name of [ref, ...dependsOn]) assert.ok(known.has(name), name)
})

test('nothing of the machine is in it', () => {
  assert.doesNotMatch(text, /file:|\/work\/|\/home\/|\/root\//)
})
