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
  let route: string | null = null
  let subscribing = false
  let busy = false
  const next = async (): Promise<void> => {
    if (busy || connectionId === null || (route === null && !subscribing)) return
    busy = true
    const [said, asked] = [route, subscribing]
    const done = said === null
      ? await post(new URL('subscribe-stats', base), { connectionId })
      : await post(new URL('route', base), { connectionId, route: said })
    busy = false
    if (!done) return
    if (said === null) subscribing = subscribing && !asked
    else if (route === said) route = null
    void next()
  }
  return {
    heard(text: string) {
      const known = connectionId === null && read(text)?.known
      if (known && known.type === 'connected') connectionId = known.connectionId
      void next()
    },
    say(message: ClientMessage) {
      if (message.type === 'route-update') route = message.route
      else if (message.type === 'subscribe-stats') subscribing = true
      void next()
    },
    stop() {
      connectionId = null
      busy = true
    },
  }
}

/** Whether it was answered at all. As plain text, so that a browser does not ask for permission first. */
async function post(url: URL, body: Readonly<Record<string, string>>): Promise<boolean> {
  try {
    await fetch(url, { method: 'POST', body: JSON.stringify(body), credentials: 'include' })
    return true
  } catch {
    return false
  }
}
