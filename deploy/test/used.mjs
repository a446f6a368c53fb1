// One use of an installed headcount: it answers, has the client and the board in it, takes a release, and ends well.

import assert from 'node:assert/strict'

import { Server } from '../../e2e/harness.mjs'
import { run } from './handed-out.mjs'

const SECRET = 'f3d2b1908e7c6a5544332211'

/**
 * @param {string[]} program the binary, behind what runs it
 * @param {string[]} args of `headcount serve`
 */
export async function useOnce(program, args) {
  const server = await Server.run(['serve', ...args], { HEADCOUNT_ADMIN_SECRET: SECRET }, SECRET, program)
  try {
    assert.equal((await fetch(`${server.url}/readyz`)).status, 200)
    assert.match((await fetch(`${server.url}/__skew/client.js`)).headers.get('content-type'), /javascript/)
    assert.match(await (await fetch(`${server.url}/headcount/`)).text(), /<script/)
    const [path, ...before] = program
    const command = (...words) => run([path, ...before, ...words], { env: { PATH: process.env.PATH, HEADCOUNT_URL: server.url, HEADCOUNT_ADMIN_SECRET: SECRET } })
    assert.match(await command('release', 'v7'), /v7 is the current release/)
    assert.match(await command('releases'), /^v7 .*current$/m)
  } finally {
    await server.stop()
  }
}
