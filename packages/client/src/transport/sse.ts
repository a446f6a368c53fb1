// A stream over server-sent events, with small POSTs for what the tab says.
//
// The browser's own reconnect is not used: it would bring back the route of the first request. A stream that breaks ends
// here, and the session opens another. Messages are posted one at a time, so that they arrive in order; those that are
// overtaken are left out, and one that did not get through is said again with the next sign of life. The last word of a page
// that goes waits for nothing, and the browser delivers it when the page is gone. Each `keepalive` is answered (`signs.ts`).

import type { ClientMessage } from '../messages.js'
import { beside } from './beside.js'
import type { Connect } from './link.js'
import { createSigns } from './signs.js'
import { openSource } from './source.js'

/** What `returnAfter` takes for: come back soon. */
const SOON = 1012
/** For how long the answer to a POST is awaited, milliseconds. */
const ANSWER_MS = 10_000

/** What the server answers to a message that it will never take. */
const REFUSALS = [400, 404, 413]

/** What a server says here instead of the close code 4409. */
const REPLACED = '{"type":"replaced"}'

/** Opens `B/sse`. */
export const sse: Connect = (base, query, events) => {
  const signs = createSigns(base, query, post, () => {
    close()
    events.ended(SOON)
  })
  const source = openSource(new URL(`sse?${query}`, base))
  /** What is still to be said, by what it is about. */
  const pending = new Map<string | number, () => Promise<boolean>>()
  let isBusy = false

  async function next(): Promise<void> {
    if (isBusy) return
    isBusy = true
    for (const [about, say] of pending) { // Includes those that are added during the loop.
      pending.delete(about)
      if (await say()) continue
      if (!pending.has(about)) pending.set(about, say)
      break
    }
    isBusy = false
  }

  /** As plain text, so that a browser does not ask for permission first. Fails without an answer in time: what waits behind it is not held up. */
  function post(message: ClientMessage, connectionId: string): Promise<Response> {
    return fetch(new URL('message', base), {
      method: 'POST', body: JSON.stringify({ connectionId, ...message }), credentials: 'include', keepalive: true, signal: AbortSignal.timeout(ANSWER_MS),
    })
  }

  function close(): void {
    signs.stop()
    source.onmessage = source.onerror = null
    source.close()
    pending.clear()
  }

  source.onmessage = ({ data }: MessageEvent<string>) => {
    if (data === REPLACED) {
      close()
      return events.ended(4409)
    }
    void next()
    signs.received(data)
    events.received(data)
  }
  source.onerror = () => {
    signs.ended()
    close()
    events.ended(null)
  }
  return {
    close,
    send(message, connectionId) {
      /** Whether the server took it, or said itself that it takes no such thing. What a proxy says in its place may be mended. */
      const say = (): Promise<boolean> => post(message, connectionId).then(({ ok, status }) => ok || REFUSALS.includes(status), () => false)
      if (message.type === 'ack' && message.outcome === 'reloading') return void say()
      pending.set(subject(message), say)
      void next()
    },
  }
}

/** Whether a server answers there. */
export async function probe(base: URL): Promise<boolean> {
  return (await fetch(new URL('health', base), { cache: 'no-store' })).ok
}

/** The same, beside which `websocket` may be tried. */
export function overSse(websocket: Connect): Connect {
  return beside(sse, websocket)
}

/** What a message is about: of two about the same, the later one says everything. */
function subject(message: ClientMessage): string | number {
  return message.type === 'ack' ? message.id : message.type.replace(/^un/, '')
}
