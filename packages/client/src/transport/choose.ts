// Which transport to begin with.
//
// Over HTTP/1.1 a browser opens six connections to a host, and an SSE stream is one of them: with the seventh tab the site
// itself would hang. WebSockets are not counted there. Over HTTP/2 and 3 streams share one connection, and SSE passes more
// proxies. Where nothing is known, the choice that cannot hang the site is WebSocket.

import type { TransportName } from './link.js'

/**
 * The transport to begin with.
 *
 * @param isSameOrigin whether the page came from the server's own origin
 * @param protocol how the page came, as in `PerformanceResourceTiming.nextHopProtocol`
 */
export function choose(isSameOrigin: boolean, protocol: string): TransportName {
  return isSameOrigin && /^h[23]/.test(protocol) ? 'sse' : 'websocket'
}

/** The one to try where `transport` does not get through. */
export function other(transport: TransportName): TransportName {
  return transport === 'sse' ? 'websocket' : 'sse'
}
