// What the documentation names in its sentences is there: flags, variables, limits, endpoints' paths and metrics.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { before, test } from 'node:test'
import { promisify } from 'node:util'

import { Broker } from './broker.mjs'
import { VARIABLES } from './cluster.mjs'
import { binary, Server } from './harness.mjs'
import { pages, ROOT } from './snippets.mjs'

const run = promisify(execFile)
const COMMANDS = ['serve', 'demo', 'stats', 'connections', 'nodes', 'release', 'releases', 'invalidate', 'invalidations', 'lift', 'pause', 'resume', 'abort', 'change', 'wait']
/** Pages of the site that are not in `docs/`. */
const BESIDE = ['SECURITY.md', 'protocol/PROTOCOL.md', 'protocol/BRIDGE.md', ...['cli', 'client', 'dashboard', 'nuxt', 'vue'].map((name) => `packages/${name}/README.md`)]
/** Flags of other programs, by what stands before them on their line, or on the lines that it continues. */
const OF_OTHERS = /\b(curl|systemctl|journalctl|kubectl|cargo|npm|npx|helm|podman|skopeo|docker|sha256sum|nats-server)\b(?:\\\n|[^`\n])*/g
/** Variables of the client commands, and of the Nuxt module. */
const OTHER_VARIABLES = new Set(['HEADCOUNT_BIN', 'HEADCOUNT_URL', 'HEADCOUNT_LOG', 'HEADCOUNT_SESSION_PASSWORD'])
const COOKIES = new Set(['headcount_browser', 'headcount_ticket_'])

let texts, help
before(async () => {
  const all = [...await pages(), ...BESIDE]
  texts = await Promise.all(all.map(async (page) => ({ page, text: await readFile(ROOT + page, 'utf8') })))
  const said = await Promise.all(COMMANDS.map(async (command) => run(await binary(), [command, '--help'])))
  help = said.map(({ stdout }) => stdout).join('\n')
})

test('each flag is one of a command', () => {
  const flags = new Set(help.match(/--[a-z][a-z-]+/g))
  missing((text) => text.replace(OF_OTHERS, '').match(/(?<![\w-])--[a-z][a-z-]+/g), (flag) => flags.has(flag))
})

test('each variable is a secret or a setting', () => {
  const known = (name) => OTHER_VARIABLES.has(name) || help.includes(name) || help.includes(`--${name.replace('HEADCOUNT_', '').toLowerCase().replaceAll('_', '-')} `)
  missing((text) => text.match(/(?<![A-Z_])HEADCOUNT_[A-Z_]*[A-Z]/g), known)
})

test('each limit is one of the server', () => {
  const limits = new Set([...help.matchAll(/^ {2}(\w+)=\d+$/gm)].map(([, name]) => name))
  assert.ok(limits.size > 40)
  missing((text) => [...text.matchAll(/`(?:limits\.)?(\w+_(?:max|ms|seconds|burst))(?:=\d+)?`|--limit (\w+)=/g)].map(([, one, other]) => one ?? other).filter((name) => name !== 'tik_ms' && !name.startsWith('headcount_')), (name) => limits.has(name))
})

test('each metric is one of the server', async () => {
  const broker = await Broker.start()
  const server = await Server.run(['serve', '--ephemeral', '--cluster', broker.url], VARIABLES)
  try {
    const metrics = await (await fetch(`${server.url}/metrics`)).text()
    // The beginning of several names ends with `_`.
    const known = (name) => COOKIES.has(name) || metrics.includes(`# TYPE ${name.replace(/_total$/, '')}${name.endsWith('_') ? '' : ' '}`)
    missing((text) => text.match(/\bheadcount_[a-z_]+(?!::)\b/g)?.filter((name) => name !== 'headcount_server'), known)
  } finally {
    await server.stop()
    await broker.stop()
  }
})

test('each figure that the README gives is in the table', () => {
  const [readme, measured] = ['README.md', 'docs/measured.md'].map((page) => texts.find((one) => one.page === page).text)
  const figures = /^Measured beside .*?^\[All figures/ms.exec(readme)[0].match(/\d[\d,.]*\d/g)
  assert.ok(figures.length > 6)
  assert.deepEqual(figures.filter((figure) => !measured.includes(figure)), [])
})

/** @param {(text: string) => string[] | null | undefined} find @param {(name: string) => boolean} known */
function missing(find, known) {
  const found = texts.flatMap(({ page, text }) => (find(text) ?? []).map((name) => ({ page, name })))
  assert.ok(found.length > 5)
  assert.deepEqual(found.filter(({ name }) => !known(name)).map(({ page, name }) => `${page}: ${name}`), [])
}

test('each decision has a unique number, which its title and the index have too', async () => {
  const folder = `${ROOT}docs/decisions/`
  const index = await readFile(`${folder}index.md`, 'utf8')
  const files = (await readdir(folder)).filter((name) => name !== 'index.md')
  const numbers = files.map((name) => name.slice(0, 4))
  assert.deepEqual(numbers.filter((number, at) => numbers.indexOf(number) !== at), [])
  for (const name of files) {
    const [title = ''] = (await readFile(folder + name, 'utf8')).split('\n')
    assert.match(title, new RegExp(`^# ${name.slice(0, 4)} `), name)
    assert.ok(index.includes(`[${name.slice(0, 4)}](${name}) ${title.slice('# 0000 '.length)}\n`), `${name}: the index does not have its title`)
  }
})
