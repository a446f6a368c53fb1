// Which transport to begin with.
//
// Over HTTP/1.1 a browser opens six connections to a host, and an SSE stream is one of them: with the seventh tab the site
// itself would hang. WebSockets are not counted there. Over HTTP/2 and 3 streams share one connection, and SSE passes more
// proxies. Where nothing is known, the choice that cannot hang the site is WebSocket.

import type { TransportName } from './link.js'

/** What is known about the way to the server. */
export interface Way {
  /** Whether the page came from the server's own origin. */
  readonly sameOrigin: boolean
  /** How the page came, as in `PerformanceResourceTiming.nextHopProtocol`. */
  readonly protocol: string
}

/** The transport to begin with. */
export function choose(way: Way): TransportName {
  return way.sameOrigin && /^h[23]/.test(way.protocol) ? 'sse' : 'websocket'
}

/** The one to try where `transport` does not get through. */
export function other(transport: TransportName): TransportName {
  return transport === 'sse' ? 'websocket' : 'sse'
}
