// Who may see stats: the app's own hook, with a request of the app's own.
//
// headcount asks over the bridge with the headers of the browser. The question becomes a request to a handler inside
// this process, through the app's middleware, so that the hook gets an ordinary event: `getUserSession(event)` works,
// for SSE and WebSocket alike. The handler cannot be called from outside: it needs a token that each process makes at
// start.

import { randomBytes } from 'node:crypto'

import type { NitroApp } from 'nitropack/types'

import type { Admin } from './admin.js'
import { AUTHORIZE_PATH } from './authorize.path.js'
import type { BridgeLine } from './roster.js'

const TOKEN_HEADER = 'x-headcount-token'
const token = randomBytes(32).toString('base64url')

/** Whether a request comes from {@link createAuthorizer}. */
export function isOwn(headers: Readonly<Record<string, string | string[] | undefined>>): boolean {
  return headers[TOKEN_HEADER] === token
}

/** Answers headcount's questions, those of one turn of the event loop together. */
export function createAuthorizer(nitroApp: NitroApp, baseURL: string, admin: Admin, failed: (error: Error) => void): (line: BridgeLine) => Promise<boolean> {
  let answers: { ask: number; admitted: boolean }[] = []

  function answer(ask: number, admitted: boolean): void {
    if (answers.push({ ask, admitted }) > 1) return
    setImmediate(() => {
      const body = { answers }
      answers = []
      admin.post('/bridge/answers', body).catch(failed)
    })
  }

  return async ({ ask, headers }) => {
    if (ask === undefined) return false
    const path = `${baseURL.replace(/\/$/, '')}${AUTHORIZE_PATH}`
    const admitted = await nitroApp
      .localFetch(path, { headers: { ...headers, [TOKEN_HEADER]: token } })
      .then(async (said) => said.status === 200 && (await said.json() as { admitted?: boolean }).admitted === true)
      .catch((error: Error) => {
        failed(new Error('whether a browser may see stats could not be decided', { cause: error }))
        return false
      })
    answer(ask, admitted)
    return admitted
  }
}
