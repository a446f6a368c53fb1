// The oldest and the newest Nuxt that the module's README names. The other tests here run on one between them.
//
// Everything is pinned by the lock files in `oldest/` and `newest/`, so what a registry serves on the day changes nothing. `cargo xtask canary` tries what
// is newer.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, test } from 'node:test'

import { launchBrowser } from './browser.mjs'
import { installLocked, tryExample } from './nuxt-versions.mjs'

let browser, folder
before(async () => { browser = await launchBrowser() })
after(() => browser?.close())
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'headcount-nuxt-')) })
afterEach(() => rm(folder, { recursive: true }))

for (const version of ['oldest', 'newest']) {
  test(`the ${version} Nuxt shows an admin who is there, and one call refreshes a page`, async (context) => {
    await installLocked(folder, version)
    context.diagnostic(await tryExample(folder, browser))
  })
}
