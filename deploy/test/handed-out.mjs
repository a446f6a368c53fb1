// What `cargo xtask dist` made, for tests that install it: `DIST` names the folder, `target/dist` where it is not set.

import { execFile } from 'node:child_process'
import { readdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
export const FOLDER = process.env.DIST ?? join(ROOT, 'target/dist')
/** Far above what a program here takes. */
const WITHIN_MS = 60_000

const execute = promisify(execFile)

/** The only file that is handed out whose name fits. @param {RegExp} pattern */
export async function artefact(pattern) {
  const names = (await readdir(FOLDER)).filter((name) => pattern.test(name))
  if (names.length !== 1) throw new Error(`${FOLDER} has ${names.length} files like ${pattern}; \`cargo xtask dist\` makes one`)
  return join(FOLDER, names[0])
}

/** What a program says on stdout. One that fails is an error with all that it said. @param {string[]} command */
export async function run([program, ...args], options = {}) {
  const { stdout } = await execute(program, args, { timeout: WITHIN_MS, maxBuffer: 64 * 1024 * 1024, ...options }).catch((error) => {
    throw new Error(`${error.message}\n${error.stdout ?? ''}`)
  })
  return stdout
}

/** Whether a program is here. @param {string} program */
export async function has(program) {
  return execute('sh', ['-c', `command -v ${program}`]).then(() => true, () => false)
}

/** An empty folder, which goes when the test ends. @param {import('node:test').TestContext} context */
export async function emptyFolder(context) {
  const folder = await mkdtemp(join(tmpdir(), 'headcount-installed-'))
  context.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}
