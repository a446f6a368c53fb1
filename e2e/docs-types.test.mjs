// TypeScript and Vue of the documentation, judged by the compiler: with the packages of this repository, in a project as the reader has it.
// The objects for Kubernetes are judged too: their types refuse a field that there is not, and their schemas a value that is wrong.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { access, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { parseAllDocuments } from 'yaml'

import { ROOT, snippetsIn } from './snippets.mjs'

const run = promisify(execFile)
const TYPED_WITHIN_MS = 120_000
const EXAMPLE = `${ROOT}examples/nuxt`
const STRICT = { strict: true, noEmit: true, target: 'ESNext', module: 'ESNext', moduleResolution: 'Bundler', lib: ['ESNext', 'DOM', 'DOM.Iterable'], skipLibCheck: true, types: [] }

let folder
before(async () => {
  await mkdir(`${ROOT}target`, { recursive: true })
  folder = await mkdtemp(`${ROOT}target/docs-types-`) // The packages are found from here upwards.
})
after(() => rm(folder, { recursive: true }))

test('the guide for Vue', async () => {
  await typed('vue', await files('docs/guides/vue.md'), { compilerOptions: STRICT })
})

test('the guide for Nuxt', async () => {
  await access(`${EXAMPLE}/.nuxt/tsconfig.json`).catch(() => {
    throw new Error('examples/nuxt is not prepared: npm run check, in the root of the repository')
  })
  const [config, plugin, ...pages] = await files('docs/guides/nuxt.md')
  const include = (name) => [`${EXAMPLE}/.nuxt/${name}.d.ts`, './*']
  await typed('nuxt-node', [config], { extends: `${EXAMPLE}/.nuxt/tsconfig.node.json`, include: include('nuxt.node'), exclude: [] })
  await typed('nuxt-pages', pages, { extends: `${EXAMPLE}/.nuxt/tsconfig.app.json`, include: include('nuxt'), exclude: [] })
  await typed('nuxt-server', [plugin], { extends: `${EXAMPLE}/.nuxt/tsconfig.server.json`, include: [`${EXAMPLE}/session.d.ts`, `${EXAMPLE}/.nuxt/types/nitro-nuxt.d.ts`, `${ROOT}packages/nuxt/dist/runtime/server`, ...include('types/nitro')], exclude: [] })
})

test('the objects for Kubernetes', async () => {
  const [{ text }] = await snippetsIn('docs/guides/kubernetes.md', 'yaml')
  const objects = parseAllDocuments(text).map((document) => document.toJS())
  assert.deepEqual(objects.map(({ kind }) => kind), ['Secret', 'StatefulSet', 'Service', 'Ingress'])
  const lines = []
  for (const { apiVersion, kind, ...object } of objects) {
    const from = `kubernetes-models/${apiVersion}`
    const model = (await import(from))[kind]
    new model(object).validate()
    lines.push(`import type { I${kind} } from '${from}'`, `export const a${kind}: I${kind} = ${JSON.stringify({ apiVersion, kind, ...object }, null, 1)}`)
  }
  await typed('kubernetes', [['objects.ts', lines.join('\n')]], { compilerOptions: { ...STRICT, baseUrl: `${ROOT}e2e/node_modules`, paths: { 'kubernetes-models/*': ['./kubernetes-models/*'] } } })
})

/** The blocks of a page, by names of files. */
async function files(page) {
  const found = [...await snippetsIn(page, 'ts'), ...await snippetsIn(page, 'vue')]
  return found.map(({ language, text }, index) => [`block${index}.${language}`, text])
}

/** @param {string} name @param {[string, string][]} blocks @param {object} config */
async function typed(name, blocks, config) {
  assert.ok(blocks.length > 0)
  const project = join(folder, name)
  await mkdir(project)
  for (const [file, text] of blocks) await writeFile(join(project, file), text)
  await writeFile(join(project, 'tsconfig.json'), JSON.stringify(config))
  const { stdout } = await run('npx', ['vue-tsc', '--noEmit', '-p', project], { cwd: ROOT, timeout: TYPED_WITHIN_MS }).catch((error) => error)
  assert.equal(stdout, '')
}
