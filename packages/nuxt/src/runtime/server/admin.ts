// Requests to headcount's admin API.

import { Agent as HttpAgent, request as requestHttp, type ClientRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'

import type { ErrorAnswer } from '../openapi.js'
import type { Upstream } from './upstream.js'

const ANSWER_WITHIN_MS = 10_000

/** Why the admin API gave no answer that can be used. */
export class AdminError extends Error {
  override readonly name = 'AdminError'
  /** Its status, or 0 where it did not answer at all. */
  readonly status: number

  constructor(message: string, status: number, options?: ErrorOptions) {
    super(message, options)
    this.status = status
  }
}

/** The admin API of one headcount. */
export interface Admin {
  get(path: string): Promise<unknown>
  post(path: string, body: unknown): Promise<unknown>
  /** As `post`, with a body that is JSON already. */
  postText(path: string, json: string): Promise<unknown>
  /** A request of which the answer's body is read as it comes. */
  open(path: string, answered: (answer: IncomingMessage) => void): ClientRequest
}

/** The admin API of `upstream`. Its connections are kept open between requests. */
export function createAdmin(upstream: Upstream): Admin {
  const isTls = upstream.adminUrl.protocol === 'https:'
  const agent = isTls ? new HttpsAgent({ keepAlive: true, timeout: 4_000 }) : new HttpAgent({ keepAlive: true, timeout: 4_000 })
  const bearer = (path: string): string => `Bearer ${(path.startsWith('/bridge') && upstream.bridgeSecret) || upstream.secret}`

  function start(method: string, path: string, headers: Record<string, string | number>, shares: boolean): ClientRequest {
    const url = new URL(upstream.adminPath + path, upstream.adminUrl)
    const ask = isTls ? requestHttps : requestHttp
    return ask(url, { method, headers: { authorization: bearer(path), ...headers }, agent: shares ? agent : false })
  }

  function exchange(method: string, path: string, body: string | null): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const headers: Record<string, string | number> = {}
      if (body !== null) Object.assign(headers, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
      const asked = start(method, path, headers, true)
      const late = setTimeout(() => { asked.destroy(new Error('no answer in time')) }, ANSWER_WITHIN_MS)
      asked.on('error', (cause) => {
        clearTimeout(late)
        // A kept connection that the other side had just closed: nothing was done.
        if (asked.reusedSocket && (cause as NodeJS.ErrnoException).code === 'ECONNRESET') resolve(exchange(method, path, body))
        else reject(new AdminError(`headcount does not answer at ${upstream.adminUrl.origin}: ${cause.message}`, 0, { cause }))
      })
      asked.on('response', (answer) => {
        read(answer).then((text) => {
          clearTimeout(late)
          // Answered before all of it was sent: the rest would run into a connection that the other side is about to close.
          if (!asked.writableFinished) asked.destroy()
          resolve(understood(`${method} ${path}`, answer.statusCode ?? 0, text))
        }).catch(reject)
      })
      asked.end(body ?? undefined)
    })
  }

  return {
    get: (path) => exchange('GET', path, null),
    post: (path, body) => exchange('POST', path, JSON.stringify(body)),
    postText: (path, json) => exchange('POST', path, json),
    open(path, answered) {
      const asked = start('GET', path, {}, false)
      asked.on('response', answered)
      asked.end()
      return asked
    },
  }
}

async function read(answer: IncomingMessage): Promise<string> {
  answer.setEncoding('utf8')
  let text = ''
  for await (const piece of answer) text += String(piece)
  return text
}

function understood(what: string, status: number, text: string): unknown {
  if (status === 200) return JSON.parse(text)
  throw new AdminError(`headcount answered ${what} with ${status}: ${reason(text)}${hint(status)}`, status)
}

/** What to look at. */
export function hint(status: number): string {
  return status === 401 ? ' (HEADCOUNT_ADMIN_SECRET must be the same for the app and for headcount, and so must HEADCOUNT_BRIDGE_SECRET)' : ''
}

/** The sentence in an error of headcount, or the text itself. */
export function reason(text: string): string {
  try {
    const { error } = JSON.parse(text) as Partial<ErrorAnswer>
    return error?.message ?? text
  } catch {
    return text
  }
}
