// A stream over WebSocket.

import type { Connect } from './link.js'

/** Opens `B/ws`. */
export const websocket: Connect = (base, query, events) => {
  const url = new URL(`ws?${query}`, base)
  url.protocol = url.protocol.replace('http', 'ws')
  const socket = new WebSocket(url)
  socket.onmessage = ({ data }: MessageEvent<unknown>) => { if (typeof data === 'string') events.received(data) }
  socket.onclose = ({ code }) => { events.ended(code) }
  return {
    send(message) { socket.send(JSON.stringify(message)) }, // Does nothing on one that is closing.
    close() {
      socket.onmessage = socket.onclose = null
      socket.close()
    },
  }
}
