// A stream over WebSocket. What is said before it is open waits until it is.

import type { Connect } from './link.js'

/** Opens `B/ws`. */
export const websocket: Connect = (base, query, events) => {
  const url = new URL(`ws?${query}`, base)
  url.protocol = url.protocol.replace('http', 'ws')
  const early: string[] = []
  const socket = new WebSocket(url)
  socket.onopen = () => { for (const text of early.splice(0)) socket.send(text) }
  socket.onmessage = ({ data }: MessageEvent<unknown>) => { if (typeof data === 'string') events.received(data, null) }
  socket.onclose = ({ code }) => { events.ended(code) }
  return {
    send(message) {
      const text = JSON.stringify(message)
      if (socket.readyState === WebSocket.CONNECTING) early.push(text)
      else socket.send(text) // Does nothing on one that is closing.
    },
    close() {
      socket.onopen = socket.onmessage = socket.onclose = null
      socket.close()
    },
  }
}
