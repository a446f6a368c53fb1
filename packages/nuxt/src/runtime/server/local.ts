// The headcount that `nuxt dev` and `nuxt preview` start.
//
// It is a child of a small script that ends it when this process is gone, however that went: a killed dev server leaves nothing behind.

import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { accessSync, constants } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'

import type { SiteConfig } from './site.js'
import type { Upstream } from './upstream.js'

const START_WITHIN_MS = 15_000

const KEEPER = `
const child = require('node:child_process').spawn(process.argv[1], process.argv.slice(2), { stdio: ['ignore', 'inherit', 'inherit'] })
process.stdin.resume().on('end', () => child.kill('SIGKILL'))
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})
child.on('error', (error) => { console.error(String(error)); process.exit(1) })
child.on('exit', (code) => process.exit(code ?? 1))
`

const CLI = '@headcount/cli'
/** npm and Nuxt put this folder on the `PATH`. The `headcount` in it is the launcher of that package, which has no other binary. */
const BIN = join('node_modules', '.bin')
const HOW_TO_GET_IT = `run \`npm install --save-dev ${CLI}\`, put the headcount binary on the PATH, name it as skewProtection.bin or HEADCOUNT_BIN, or set HEADCOUNT_URL and HEADCOUNT_ADMIN_SECRET to use one that runs elsewhere`

/** A headcount that was started. */
export interface Local {
  readonly upstream: Upstream
  /** What was started, for a person to read. */
  readonly path: string
  stop(): void
}

/**
 * The binary to start: the one that `HEADCOUNT_BIN` or the app's options name; else that of `@headcount/cli`, where the app has it; else
 * `headcount` on the `PATH`.
 *
 * @param named `skewProtection.bin`
 * @param root a folder of the app, from which its packages are found
 * @throws what is missing, and how to get it
 */
export function findBinary(named: string, root: string): string {
  const wanted = process.env['HEADCOUNT_BIN'] || named
  if (wanted) {
    if (isExecutable(wanted)) return wanted
    throw new Error(`${process.env['HEADCOUNT_BIN'] ? 'HEADCOUNT_BIN' : 'skewProtection.bin'} names ${wanted}, which is not an executable file`)
  }
  const installed = findInstalled(root)
  if (typeof installed === 'string') return installed
  const onPath = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder && !folder.endsWith(BIN)).map((folder) => join(folder, 'headcount')).find(isExecutable)
  if (onPath !== undefined) return onPath
  throw new Error(installed?.message ?? `there is no headcount binary: ${HOW_TO_GET_IT}`)
}

/** The binary of `@headcount/cli`, or why that has none; `null` where the app does not have that package. */
function findInstalled(root: string): string | Error | null {
  const load = createRequire(join(root, 'package.json'))
  try {
    return (load(CLI) as { binary(): string }).binary()
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return code === 'MODULE_NOT_FOUND' && message.includes(`'${CLI}'`) ? null : error as Error
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Starts one on a free port of this machine. It keeps nothing on disk. */
export async function startLocal(path: string, config: Pick<SiteConfig, 'base' | 'connectionTracking' | 'routeTracking' | 'ipTracking' | 'adminPath'>): Promise<Local> {
  const secret = randomBytes(24).toString('base64url')
  const flags = [
    'serve', '--listen', '127.0.0.1:0', '--ephemeral', '--authorize-bridge', '--base-path', config.base, '--admin-path', config.adminPath,
    '--connection-tracking', String(config.connectionTracking), '--route-tracking', String(config.routeTracking),
    '--ip-tracking', String(config.ipTracking), ...(config.ipTracking ? ['--trusted-proxy', '127.0.0.0/8'] : []),
  ]
  const keeper = spawn(process.execPath, ['-e', KEEPER, path, ...flags], {
    env: { PATH: process.env['PATH'], HEADCOUNT_ADMIN_SECRET: secret, HEADCOUNT_LOG: process.env['HEADCOUNT_LOG'] ?? 'warn' },
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  const stop = (): void => { keeper.stdin.end() }
  const said: string[] = []
  const url = await new Promise<string>((resolve, reject) => {
    const fail = (why: string): void => {
      stop()
      reject(new Error(`${path} did not start (${why})${said.length > 0 ? `:\n${said.join('\n')}` : ''}`))
    }
    const late = setTimeout(() => { fail(`nothing within ${START_WITHIN_MS / 1_000} seconds`) }, START_WITHIN_MS)
    keeper.on('error', (error) => { fail(error.message) })
    keeper.on('exit', (code) => { fail(`exit code ${code}`) })
    createInterface({ input: keeper.stderr }).on('line', (line) => {
      if (said.length < 50) said.push(line)
      const listening = /^listening on (http:\/\/\S+)/.exec(line)?.[1]
      if (listening === undefined) return
      clearTimeout(late)
      resolve(listening)
    })
  })
  keeper.unref()
  return { upstream: { url: new URL(url), adminUrl: new URL(url), adminPath: config.adminPath, secret }, path, stop }
}
