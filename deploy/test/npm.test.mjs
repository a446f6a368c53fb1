// `@headcount/cli` as npm installs it from the files of a release, in an empty folder and without a network: it serves, and ends as the binary does.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'

import { inTime, until } from '../../e2e/wait.mjs'
import { FOLDER, run } from './handed-out.mjs'

// The server refuses variables that it does not know.
const { HEADCOUNT_BIN: _, ...variables } = process.env
const env = { ...variables, HEADCOUNT_ADMIN_SECRET: 'the-secret-of-these-tests' }
const START_WITHIN_MS = 30_000
const STOP_WITHIN_MS = 20_000
const SERVE = ['serve', '--ephemeral', '--listen', '127.0.0.1:0']
const CTRL_C = '\u0003' // In a terminal.

let folder
before(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'headcount-npm-')))
  await writeFile(join(folder, 'package.json'), '{ "private": true }')
  const files = (await readdir(join(FOLDER, 'npm'))).filter((name) => name.startsWith('headcount-cli-')).map((name) => join(FOLDER, 'npm', name))
  assert.equal(files.length, 2, 'the launcher, and the binary for this platform')
  await run(['npm', 'install', '--offline', '--no-audit', '--no-fund', '--silent', ...files], { cwd: folder })
})
after(() => rm(folder, { recursive: true }))

test('npx serves, commands have their exit codes, and Ctrl-C ends it', async () => {
  const npx = serveInTerminal('npx --offline headcount')
  try {
    const url = await npx.listening()
    assert.equal((await fetch(`${url}/readyz`)).status, 200)
    assert.equal((await fetch(`${url}/__skew/client.js`)).status, 200)
    const command = ['npx', '--offline', 'headcount', 'releases', '--url', url]
    await run(['npx', '--offline', 'headcount', 'release', 'v1', '--url', url], { cwd: folder, env })
    assert.match(await run(command, { cwd: folder, env }), /^v1 .*current$/m)
    const refused = await run(['sh', '-c', `${command.join(' ')} 2>&1; echo "code $?"`], { cwd: folder, env: { ...env, HEADCOUNT_ADMIN_SECRET: 'another-secret' } })
    assert.match(refused, /^code 4$/m)
    npx.child.stdin.write(CTRL_C)
    await npx.ends()
    assert.match(npx.output, /stopping: /)
    await until('nothing to listen any more', () => fetch(`${url}/readyz`).then(() => true, () => false), (answers) => !answers)
  } finally {
    npx.kill()
  }
})

test('in a terminal Ctrl-C reaches the server once: it stops in good order, with its exit code', async () => {
  const terminal = serveInTerminal('node_modules/.bin/headcount')
  try {
    await terminal.listening()
    terminal.child.stdin.write(CTRL_C)
    assert.equal(await terminal.ends(), 0, terminal.output)
    assert.match(terminal.output, /stopping: /)
  } finally {
    terminal.kill()
  }
})

test('SIGTERM too, without a terminal', async () => {
  const launcher = serve('node_modules/.bin/headcount', SERVE)
  try {
    await launcher.listening()
    launcher.child.kill('SIGTERM')
    assert.equal(await launcher.ends(), 0, launcher.output)
    assert.match(launcher.output, /stopping: /)
  } finally {
    launcher.kill()
  }
})

test('a program is told where the binary is', async () => {
  const { binary } = createRequire(join(folder, 'x.js'))('@headcount/cli')
  assert.match(await run([binary(), '--version']), /^headcount \d/)
})

/** `script` gives it a terminal, and passes on its exit code. It starts a shell. `exec` replaces it, because a dash that Ctrl-C reaches too always exits with 130. */
function serveInTerminal(command) {
  return serve('script', ['--quiet', '--return', '--command', ['exec', command, ...SERVE].join(' '), '/dev/null'])
}

/** Starts it in its own process group. */
function serve(command, args) {
  const child = spawn(command, args, { cwd: folder, env, detached: true })
  const said = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece) => said.push(String(piece)))
  const ended = once(child, 'close')
  return {
    child,
    get output() { return said.join('') },
    async listening() {
      const find = () => /listening on (http:\/\/[\d.:]+)/.exec(said.join(''))?.[1]
      const { url } = await until('it to listen', () => ({ url: find(), output: said.join(''), code: child.exitCode }), ({ url, code }) => url !== undefined || code !== null, START_WITHIN_MS)
      assert.ok(url, said.join(''))
      return url
    },
    async ends() {
      const [code] = await inTime(`it to end:\n${said.join('')}`, ended, STOP_WITHIN_MS)
      return code
    },
    kill() {
      try {
        process.kill(-child.pid, 'SIGKILL')
      } catch (error) {
        if (error.code !== 'ESRCH') throw error // It ended by itself.
      }
    },
  }
}
