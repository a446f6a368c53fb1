// Messages to tabs, gathered into few requests.
//
// A message is put into words when it is sent, so one that cannot be is dropped alone and what is sent is what it was then. All that is
// sent in one turn of the event loop goes in as few requests as its length allows, and one request is under way at a time, so that a
// tab gets its messages in their order. At most once: what a request that failed held is gone, as is what does not fit.

import type { MessagesAnswer } from '../openapi.js'
import type { Admin } from './admin.js'

interface Waiting {
  /** The message and its connection, as JSON. */
  readonly text: string
  readonly bytes: number
}

/** What may wait: messages, and bytes of them. */
const WAITING_MAX = 100_000
const WAITING_BYTES_MAX = 64 * 2 ** 20
/** What goes in one request. headcount takes twice as many bytes by default, `bridge_body_bytes_max`. */
const AT_ONCE = 5_000
const AT_ONCE_BYTES = 4 * 2 ** 20
/** Numbers of commands that headcount gives are smaller. */
const FIRST_NUMBER = 2 ** 32

/** Sends `data` to the tab with this connection id. */
export type Send = (id: string, data: unknown) => void

/** Nothing waits yet. `failed` is told of what was lost. */
export function createSends(admin: Admin, failed: (error: Error) => void): Send {
  let waiting: Waiting[] = []
  let bytes = 0
  let isSending = false
  let number = FIRST_NUMBER + Date.now() * 100

  async function sendAll(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, fitting(waiting))
      waiting = waiting.slice(batch.length)
      for (const message of batch) bytes -= message.bytes
      await post(batch).catch((cause: Error) => { failed(new Error(`${batch.length} messages to tabs were lost`, { cause })) })
    }
    isSending = false
  }

  async function post(batch: readonly Waiting[]): Promise<void> {
    const messages = batch.map(({ text }) => text).join()
    const { refused } = await admin.postText('/bridge/messages', `{"messages":[${messages}]}`) as MessagesAnswer
    if (refused) failed(new Error(`${refused} messages to tabs were lost: they are longer than headcount sends (send_bytes_max), or more than it could take in`))
  }

  return (id, data) => {
    const text = inWords(id, data, () => number++, failed)
    if (text === null) return
    const message = { text, bytes: Buffer.byteLength(text) }
    if (waiting.length >= WAITING_MAX || bytes + message.bytes > WAITING_BYTES_MAX) {
      failed(new Error('a message to a tab was dropped: too many wait already'))
      return
    }
    waiting.push(message)
    bytes += message.bytes
    if (isSending) return
    isSending = true
    setImmediate(() => { void sendAll() })
  }
}

/** How many of the first go in one request: one at least. */
function fitting(waiting: readonly Waiting[]): number {
  let bytes = 0
  const end = waiting.findIndex((message, index) => {
    bytes += message.bytes
    return index > 0 && (index === AT_ONCE || bytes > AT_ONCE_BYTES)
  })
  return end === -1 ? waiting.length : end
}

function inWords(id: string, data: unknown, next: () => number, failed: (error: Error) => void): string | null {
  try {
    const text = JSON.stringify(numbered(data, next)) as string | undefined
    if (text !== undefined) return `{"id":${JSON.stringify(String(id))},"data":${text}}`
    failed(new Error(`a message to a tab was dropped: ${typeof data} is nothing that JSON has`))
  } catch (cause) {
    failed(new Error('a message to a tab was dropped: it cannot be written as JSON', { cause }))
  }
  return null
}

/**
 * A tab refreshes once for a command, and knows commands by their numbers. A refresh that the app sends by itself is a new command
 * each time.
 */
export function numbered(data: unknown, next: () => number): unknown {
  if (typeof data !== 'object' || data === null || 'id' in data || !('type' in data) || data.type !== 'version') return data
  return { ...data, id: next() }
}
