// TypeScript and Vue of the documentation, judged by the compiler: with the packages of this repository, in a project as the reader has it.
// The objects for Kubernetes are judged too: their types refuse a field that there is not.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { access, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { EVERYTHING, modelOf, objectsOf, plainManifests, render, WITHOUT_HELM } from './chart.mjs'
import { ROOT, snippetsIn } from './snippets.mjs'

const run = promisify(execFile)
const TYPED_WITHIN_MS = 300_000
const EXAMPLE = `${ROOT}examples/nuxt`
const STRICT = { strict: true, noEmit: true, target: 'ESNext', module: 'ESNext', moduleResolution: 'Bundler', lib: ['ESNext', 'DOM', 'DOM.Iterable'], skipLibCheck: true, types: [] }

let folder
before(async () => {
  await mkdir(`${ROOT}target`, { recursive: true })
  folder = await mkdtemp(`${ROOT}target/docs-types-`) // The packages are found from here upwards.
})
after(() => rm(folder, { recursive: true }))

/** What the pages of the packages take for granted in the reader's app. */
const OF_THE_READER = `import type { Component } from 'vue'
declare global {
  const __BUILD_ID__: string
  const App: Component
  const createApp: typeof import('vue').createApp
  const draft: { isDirty: boolean }
}`

test('the guide for Vue', async () => {
  await typed('vue', await files('docs/guides/vue.md'), { compilerOptions: STRICT })
})

for (const name of ['client', 'vue']) {
  test(`the page of packages/${name}`, async () => {
    const blocks = await files(`packages/${name}/README.md`)
    await typed(`page-${name}`, [['reader.d.ts', OF_THE_READER], ...blocks], { compilerOptions: STRICT })
  })
}

test('the guide for Nuxt, and the page of packages/nuxt', async () => {
  await access(`${EXAMPLE}/.nuxt/tsconfig.json`).catch(() => {
    throw new Error('examples/nuxt is not prepared: npm run check, in the root of the repository')
  })
  const blocks = [...await files('docs/guides/nuxt.md'), ...await files('packages/nuxt/README.md')].map(([file, text], index) => [`${index}-${file}`, text])
  const parts = { node: [], server: [], app: [] }
  for (const block of blocks) parts[block[1].startsWith('// nuxt.config') ? 'node' : block[1].startsWith('// server/') ? 'server' : 'app'].push(block)
  const extended = (part, ...include) => ({ extends: `${EXAMPLE}/.nuxt/tsconfig.${part}.json`, include: [...include.map((file) => `${EXAMPLE}/${file}`), './*'], exclude: [] })
  await typed('nuxt-node', parts.node, extended('node', '.nuxt/nuxt.node.d.ts'))
  await typed('nuxt-app', parts.app, extended('app', '.nuxt/nuxt.d.ts'))
  await typed('nuxt-server', parts.server, extended('server', '.nuxt/types/nitro.d.ts', '.nuxt/types/nitro-nuxt.d.ts', 'session.d.ts', '../../packages/nuxt/dist/runtime/server'))
})

test('the objects for Kubernetes: those of the plain manifests, and of the chart with everything turned on', async () => {
  const [{ rendered } = { rendered: {} }] = WITHOUT_HELM ? [] : render(EVERYTHING)
  const lines = []
  for (const [index, object] of objectsOf({ ...rendered, manifests: await plainManifests() }).entries()) {
    const { apiVersion, kind } = object
    lines.push(`import type { I${kind} as Of${index} } from '${modelOf(apiVersion)}'`, `export const a${index}: Of${index} = ${JSON.stringify(object, null, 1)}`)
  }
  const paths = Object.fromEntries(['kubernetes-models', '@kubernetes-models'].map((name) => [`${name}/*`, [`./${name}/*`]]))
  await typed('kubernetes', [['objects.ts', lines.join('\n')]], { compilerOptions: { ...STRICT, baseUrl: `${ROOT}e2e/node_modules`, paths } })
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
