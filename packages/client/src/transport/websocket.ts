// A stream over WebSocket.
//
// Stats are asked for by POST, one question at a time: a POST shows the cookies of now, so the server need not keep those of the
// handshake. Where a POST does not get through, or reaches a server that does not know this stream, the socket carries the
// question as it carries everything else. The POST is a part of what reads the numbers, which is loaded by then; SSE has its own,
// since parts share nothing.

import type { Connect } from './link.js'

/** Opens `B/ws`. */
export const websocket: Connect = (base, query, events) => {
  const socket = new WebSocket(new URL(`ws?${query}`, base).href.replace('http', 'ws'))
  socket.onmessage = ({ data }: MessageEvent<string>) => { events.received(data) }
  socket.onclose = ({ code }) => { events.ended(code) }
  return {
    send(message, connectionId) {
      // On a socket that is closing the browser would complain to the console: the stream may have ended while a POST was under way.
      const say = (): void => { if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message)) }
      if (!message.type.endsWith('stats')) return say()
      import('../subscription.js').then(({ ask }) => ask(base, { connectionId, ...message })).catch(say)
    },
    close() {
      socket.onmessage = socket.onclose = null
      socket.close()
    },
  }
}
