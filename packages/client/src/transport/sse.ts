// A stream over server-sent events, with small POSTs for what the tab says.
//
// The browser's own reconnect is not used: it would bring back the route of the first request. A stream that breaks ends
// here, and the session opens another. Navigations are posted one at a time, so that they arrive in order; those that are
// overtaken are left out, and one that did not get through is said again with the next sign of life.
//
// There is no POST that ends a subscription; whoever wants that opens the stream anew.

import { read, type ClientMessage } from '../messages.js'
import type { Connect } from './link.js'

/** Opens `B/sse`. */
export const sse: Connect = (base, query, events) => {
  const post = posting(base)
  const source = new EventSource(new URL(`sse?${query}`, base), { withCredentials: true })
  const close = (): void => {
    source.onmessage = source.onerror = null
    source.close()
    post.stop()
  }
  source.onmessage = ({ data, lastEventId }: MessageEvent<string>) => {
    post.heard(data)
    events.received(data, lastEventId || null)
  }
  source.onerror = () => {
    close()
    events.ended(null)
  }
  return { send: post.say, close }
}

function posting(base: URL) {
  let connectionId: string | null = null
  let isBusy = false
  /** What is still to be said: endpoints, and the route for the one that takes it. */
  const pending = new Map<string, string | undefined>()

  async function next(): Promise<void> {
    const [first] = pending
    if (isBusy || connectionId === null || first === undefined) return
    isBusy = true
    const isAnswered = await post(connectionId, ...first)
    isBusy = false
    if (!isAnswered) return
    if (pending.get(first[0]) === first[1]) pending.delete(first[0])
    void next()
  }

  /** Whether it was answered at all. As plain text, so that a browser does not ask for permission first. */
  function post(connectionId: string, endpoint: string, route: string | undefined): Promise<boolean> {
    const body = JSON.stringify({ connectionId, route })
    return fetch(new URL(endpoint, base), { method: 'POST', body, credentials: 'include' }).then(() => true, () => false)
  }

  return {
    heard(text: string) {
      const known = connectionId === null && read(text)?.known
      if (known && known.type === 'connected') connectionId = known.connectionId
      void next()
    },
    say(message: ClientMessage) {
      if (message.type === 'route-update') pending.set('route', message.route)
      else if (message.type === 'subscribe-stats') pending.set(message.type, undefined)
      void next()
    },
    stop() {
      pending.clear()
    },
  }
}
