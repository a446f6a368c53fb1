// Which binary `nuxt dev` and `nuxt preview` start.

import { chmodSync, cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'

import { findBinary } from '../src/runtime/server/local.js'

const CLI = fileURLToPath(new URL('../../cli', import.meta.url))
const PLATFORM = `node_modules/@headcount/cli-${process.platform}-${process.arch}`

let app: string
beforeEach(() => {
  app = realpathSync(mkdtempSync(join(tmpdir(), 'headcount-local-')))
  vi.stubEnv('HEADCOUNT_BIN', undefined)
  vi.stubEnv('PATH', join(app, 'nothing'))
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(app, { recursive: true })
})

it('the one that is named wins, the variable before the option', () => {
  const [installed, option, variable] = [install(), place('option'), place('variable')]
  expect(findBinary('', app)).toBe(installed)
  expect(findBinary(option, app)).toBe(option)
  vi.stubEnv('HEADCOUNT_BIN', variable)
  expect(findBinary(option, app)).toBe(variable)
})

it('a name that leads to no program is said, and nothing else is started in its place', () => {
  install()
  expect(() => findBinary(join(app, 'gone'), app)).toThrow(`skewProtection.bin names ${join(app, 'gone')}, which is not an executable file`)
  vi.stubEnv('HEADCOUNT_BIN', join(app, 'gone'))
  expect(() => findBinary('', app)).toThrow('HEADCOUNT_BIN names')
})

it("that of the app's own @headcount/cli comes before one on the PATH, and is found from a folder of the app", () => {
  const onPath = place('bin/headcount')
  vi.stubEnv('PATH', [join(app, 'nothing'), dirname(onPath)].join(delimiter))
  expect(findBinary('', app)).toBe(onPath)
  const installed = install()
  mkdirSync(join(app, '.output/server'), { recursive: true })
  for (const folder of ['', '.output/server']) expect(findBinary('', join(app, folder))).toBe(installed)
})

it('an installation without its binary falls back to the PATH, and says what is wrong where there is none', () => {
  install()
  rmSync(join(app, PLATFORM), { recursive: true })
  expect(() => findBinary('', app)).toThrow('without --omit=optional')
  const [launcher, onPath] = [place('node_modules/.bin/headcount'), place('bin/headcount')]
  vi.stubEnv('PATH', dirname(launcher))
  expect(() => findBinary('', app)).toThrow('without --omit=optional')
  vi.stubEnv('PATH', [dirname(launcher), dirname(onPath)].join(delimiter))
  expect(findBinary('', app)).toBe(onPath)
})

it('where there is none at all, it says how to get one', () => {
  expect(() => findBinary('', app)).toThrow('there is no headcount binary: run `npm install --save-dev @headcount/cli`')
})

function place(path: string): string {
  const file = join(app, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, '#!/bin/sh\n')
  chmodSync(file, 0o755)
  return file
}

/** `@headcount/cli` and its package for this machine, as npm lays them out. */
function install(): string {
  cpSync(CLI, join(app, 'node_modules/@headcount/cli'), { recursive: true, filter: (path) => !path.endsWith('node_modules') })
  const binary = place(`${PLATFORM}/bin/headcount`)
  writeFileSync(join(app, PLATFORM, 'package.json'), '{}')
  return binary
}
