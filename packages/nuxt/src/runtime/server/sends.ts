// Messages to tabs, gathered into few requests.
//
// All that is sent in one turn of the event loop goes in one request, and one request is under way at a time, so that a tab gets
// its messages in their order. At most once: what a request that failed held is gone, as is what does not fit.

import type { Admin } from './admin.js'

interface TabMessage {
  readonly id: string
  readonly data: unknown
}

/** Messages that may wait. */
const WAITING_MAX = 100_000
/** Messages of one request. */
const AT_ONCE = 5_000
/** Numbers of commands that headcount gives are smaller. */
const FIRST_NUMBER = 2 ** 32

/** Sends `data` to the tab with this connection id. */
export type Send = (id: string, data: unknown) => void

/** Nothing waits yet. `failed` is told of what was lost. */
export function createSends(admin: Admin, failed: (error: Error) => void): Send {
  let waiting: TabMessage[] = []
  let isSending = false
  let number = FIRST_NUMBER + Date.now() * 100

  async function sendAll(): Promise<void> {
    while (waiting.length > 0) {
      const messages = waiting.slice(0, AT_ONCE)
      waiting = waiting.slice(AT_ONCE)
      await admin.post('/bridge/messages', { messages }).catch((error: Error) => {
        failed(new Error(`${messages.length} messages to tabs were lost`, { cause: error }))
      })
    }
    isSending = false
  }

  return (id, data) => {
    if (waiting.length >= WAITING_MAX) {
      failed(new Error('a message to a tab was dropped: too many wait already'))
      return
    }
    waiting.push({ id, data: numbered(data, () => number++) })
    if (isSending) return
    isSending = true
    setImmediate(() => { void sendAll() })
  }
}

/**
 * A tab refreshes once for a command, and knows commands by their numbers. A refresh that the app sends by itself is a new command
 * each time.
 */
export function numbered(data: unknown, next: () => number): unknown {
  if (typeof data !== 'object' || data === null || 'id' in data || !('type' in data) || data.type !== 'version') return data
  return { ...data, id: next() }
}
