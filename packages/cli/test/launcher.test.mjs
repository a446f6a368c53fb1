// The launcher beside a package with a stand-in for the binary, as npm lays them out.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, cp, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { afterEach, beforeEach, expect, test } from 'vitest'

const PACKAGE = fileURLToPath(new URL('..', import.meta.url))
const NAME = `${process.platform}-${process.arch}`

let folder
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'headcount-cli-')))
  await cp(PACKAGE, join(folder, 'node_modules/@headcount/cli'), { recursive: true, filter: (path) => !path.endsWith('node_modules') })
})
afterEach(() => rm(folder, { recursive: true }))

test('arguments, streams and the exit code are those of the binary', async () => {
  await install('echo "$@"; cat; echo said >&2; exit 3')
  const { code, stdout, stderr } = await launch(['release', 'a b'], 'typed')
  expect({ code, stdout, stderr }).toEqual({ code: 3, stdout: 'release a b\ntyped', stderr: 'said\n' })
})

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  test(`${signal} reaches the binary once, and its exit code comes back`, async () => {
    await install(`trap 'echo ${signal}; exit 7' ${signal.slice(3)}; echo ready; for _ in $(seq 400); do sleep 0.05; done`)
    const run = start([])
    await once(run.child.stdout, 'data')
    run.child.kill(signal)
    const { code, stdout } = await run.ended
    expect({ code, stdout }).toEqual({ code: 7, stdout: `ready\n${signal}\n` })
  })
}

test('a binary that a signal ended is told as a shell tells it', async () => {
  await install('kill -KILL $$')
  const { code, signal } = await launch([])
  expect(code ?? signal).toBe(typeof process.execve === 'function' ? 'SIGKILL' : 137)
})

test('a platform without a binary is named, and what to do', async () => {
  const { code, stderr } = await launch([], '', "Object.defineProperty(process, 'arch', { value: 'riscv64' })")
  expect(code).toBe(1)
  expect(stderr).toBe(`headcount: @headcount/cli has no binary for ${process.platform}-riscv64, only for linux-x64 and linux-arm64: build it from source (https://github.com/headcount/headcount#install), or use the container image\n`)
})

test('a package that was left out is named, and how to get it', async () => {
  const { code, stderr } = await launch([])
  expect(code).toBe(1)
  expect(stderr).toContain(`headcount: @headcount/cli-${NAME} is not installed.`)
  expect(stderr).toContain('run `npm install @headcount/cli` on this machine, without --omit=optional')
})

test('musl is told apart from a package that was left out', async () => {
  const { stderr } = await launch([], '', 'process.report.getReport = () => ({ header: {} })')
  expect(stderr).toContain(`no binary for ${NAME} with musl (Alpine Linux)`)
})

test('a program asks for the path', async () => {
  const path = await install('exit 0')
  const { binary } = createRequire(join(folder, 'x.js'))('@headcount/cli')
  expect(binary()).toBe(path)
})

/** Puts a shell script where the binary would be. */
async function install(script) {
  const home = join(folder, `node_modules/@headcount/cli-${NAME}`)
  await mkdir(join(home, 'bin'), { recursive: true })
  await writeFile(join(home, 'package.json'), JSON.stringify({ name: `@headcount/cli-${NAME}`, version: '0.0.0' }))
  const path = join(home, 'bin/headcount')
  await writeFile(path, `#!/bin/sh\n${script}\n`)
  await chmod(path, 0o755)
  return path
}

/** @param {string[]} args @param {string} [before] what runs before the launcher, in its process */
function start(args, before = '') {
  const launcher = join(folder, 'node_modules/@headcount/cli/bin/headcount.js')
  const preload = before === '' ? [] : ['--require', join(folder, 'before.cjs')]
  const said = { stdout: '', stderr: '' }
  const child = spawn(process.execPath, [...preload, launcher, ...args])
  for (const stream of ['stdout', 'stderr']) child[stream].on('data', (piece) => { said[stream] += piece })
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, ...said }))
  return { child, ended }
}

async function launch(args, input = '', before = '') {
  await writeFile(join(folder, 'before.cjs'), before)
  const run = start(args, before)
  run.child.stdin.end(input)
  return run.ended
}
