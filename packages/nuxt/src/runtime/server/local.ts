// A headcount of one's own for `nuxt dev` and `nuxt preview`.
//
// It is a child of a small script that ends it when this process is gone, however that went: a killed dev server leaves nothing behind.

import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { accessSync, constants } from 'node:fs'
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

/** What to say where there is no binary. */
export const HOW_TO_GET_IT = 'put the headcount binary on the PATH, name it as skewProtection.bin or HEADCOUNT_BIN, or set HEADCOUNT_URL and HEADCOUNT_ADMIN_SECRET to use one that runs elsewhere'

/** A headcount that was started. */
export interface Local {
  readonly upstream: Upstream
  /** What was started, for a person to read. */
  readonly path: string
  stop(): void
}

/** The binary to start; `null` where there is none. */
export function findBinary(named: string): string | null {
  const wanted = process.env['HEADCOUNT_BIN'] || named
  const candidates = wanted ? [wanted] : (process.env['PATH'] ?? '').split(delimiter).filter(Boolean).map((folder) => join(folder, 'headcount'))
  return candidates.find(isExecutable) ?? null
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
