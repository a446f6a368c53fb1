// Every command of the documentation, as its reader runs it: each page from its first block to its last, in an empty directory and home,
// with nothing but the binary. What a page shows as output is compared; times and durations may differ.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, test } from 'node:test'

import { Demo } from './harness.mjs'
import { Shell } from './shell.mjs'
import { pages, ROOT, snippets, snippetsIn } from './snippets.mjs'
import { until } from './wait.mjs'

const README_LINES_MAX = 150

/** Commands that build from source, and what runs them. */
const RUN_ELSEWHERE = {
  'git clone https://github.com/headcount/headcount': ['Cargo.toml', 'https://github.com/headcount/headcount'],
  'cd headcount': ['README.md', 'cd headcount'],
  'cargo xtask build': ['xtask/src/packages.rs', 'pub(crate) fn build'],
  'cargo xtask demo': ['xtask/src/demo.rs', 'pub(crate) fn demo'],
  'cargo xtask test': ['.ci/run', 'cargo xtask test'],
  'npm ci': ['xtask/src/needs.rs', '"npm", &["ci"'],
  'npm run build -w packages/client -w packages/vue': ['examples/nuxt/README.md', 'npm run build -w packages/client -w packages/vue'],
  'npm run build -w packages/client -w packages/vue -w packages/nuxt': ['examples/nuxt/README.md', 'npm run build -w packages/client -w packages/vue -w packages/nuxt'],
  'npm pack -w packages/client -w packages/vue': ['e2e/nuxt-versions.mjs', "'npm', ['pack'"],
  'npm pack -w packages/client -w packages/vue -w packages/nuxt': ['e2e/nuxt-versions.mjs', "'npm', ['pack'"],
  'npm install ../headcount/headcount-*.tgz': ['e2e/nuxt-versions.mjs', "'install', ...wanted, ...(await pack(folder)).values()"],
  'npm install nuxt-auth-utils': ['examples/nuxt/package.json', '"nuxt-auth-utils"'],
  'npm install @headcount/nuxt': ['packages/nuxt/package.json', '"@headcount/nuxt"'],
  'npm install --save-dev @headcount/cli': ['packages/cli/package.json', '"@headcount/cli"'],
  'cargo run -p headcount-server --example embed': ['crates/headcount-server/tests/it/embedding.rs', 'examples/embed.rs'],
}

for (const page of [...await pages(), 'packages/nuxt/README.md']) {
  const blocks = (await snippets(page)).filter(({ language, isTested }) => isTested && ['sh', 'console'].includes(language))
  if (blocks.length === 0) continue
  test(`${page}: its commands do what it says`, async () => {
    const shell = await Shell.open()
    try {
      for (const block of blocks) {
        await shell.openTabs(block.tabs)
        if (block.language === 'console') await session(shell, block)
        else if (!await runElsewhere(block)) await shell.run(block.text)
      }
    } finally {
      await shell.close()
    }
  })
}

test('the README shows what the demo prints', async () => {
  const demo = await Demo.run(['demo', '--roll', '0'], { HEADCOUNT_ADMIN_SECRET: '240611c4f68b607aa6a4dbff0a93137f' })
  try {
    const [{ text }] = await snippetsIn('README.md', 'text')
    const lines = text.split('\n')
    await until(`it to print\n${text}\n`, () => demo.output.replaceAll(demo.url, 'http://127.0.0.1:4477'), (printed) => lines.every((line) => printed.includes(line)))
  } finally {
    await demo.stop()
  }
})

describe('the rules that these tests go by', () => {
  test('the README is short', async () => {
    const lines = (await readFile(`${ROOT}README.md`, 'utf8')).trimEnd().split('\n')
    assert.ok(lines.length <= README_LINES_MAX, `${lines.length} lines`)
  })

  test('every block is in a language that some test reads', async () => {
    const read = new Set(['sh', 'console', 'text', 'json', 'toml', 'yaml', 'ini', 'nginx', 'caddy', 'html', 'ts', 'vue', 'rust,no_run', 'python'])
    const all = (await Promise.all((await pages()).map(snippets))).flat()
    assert.ok(all.length > 50)
    assert.deepEqual(all.filter(({ language }) => !read.has(language)).map(({ page, line }) => `${page}:${line}`), [])
  })

  test('what is not tested is little, and each says why', async () => {
    const all = (await Promise.all((await pages()).map(snippets))).flat()
    const left = all.filter(({ isTested, language }) => !isTested && language === 'sh').map(({ page }) => page)
    assert.deepEqual([...new Set(left)], ['axum', 'board', 'bridge', 'cluster', 'install', 'kubernetes', 'nginx', 'nuxt', 'systemd'].map((name) => `docs/guides/${name}.md`).concat('docs/measured.md'))
  })
})

/** Whether the block is one that builds from source. */
async function runElsewhere({ text }) {
  const lines = text.trim().split('\n')
  const known = lines.map((line) => RUN_ELSEWHERE[line])
  if (!known.every(Boolean)) return false
  for (const [file, held] of known) assert.ok((await readFile(ROOT + file, 'utf8')).includes(held), `${file} no longer has ${held}`)
  return true
}

/** Runs the commands behind `$`, and compares what stands below each. */
async function session(shell, { page, line, text }) {
  for (const part of text.split(/^\$ /m).slice(1)) {
    const [command, ...expected] = part.trimEnd().split('\n')
    const said = await shell.run(`${command}\n`, { mayFail: true })
    assert.equal(alike(said), alike(expected.join('\n')), `${page}:${line}: ${command}`)
  }
}

/** Without what differs from run to run. */
function alike(text) {
  return text.trimEnd().replace(/\d{4}-\d\d-\d\d \d\d:\d\d/g, 'TIME').replace(/over [\d.]+ m?s/g, 'over a while')
}
