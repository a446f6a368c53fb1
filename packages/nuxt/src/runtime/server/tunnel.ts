// WebSockets: headcount is asked first, and only after its 101 do bytes pass as they are.
//
// Until then this is a request like any other. Any other answer is passed on as that one answer, and then both connections are closed: what came
// behind the handshake is never read as a request by anyone. A proxy before the app may keep its connections to the app for other
// visitors, so none may be left that leads to headcount.

import { ServerResponse, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

import { endToEnd, framing } from './headers.js'
import { ANSWER_WITHIN_MS, ask, endpointOf, open, refuse, relay, type Gate } from './pipe.js'

/** How long a connection stays open for its last answer to be read, and how many incoming bytes are discarded during that time. */
const LINGER_MS = 2_000
const DISCARDED_BYTES_MAX = 65_536

/** Whether a request is the handshake of a WebSocket that headcount serves. `url` is as for `pipe`. */
export function isHandshake(gate: Gate, incoming: IncomingMessage, url = incoming.url): boolean {
  const { method, httpVersion, headers } = incoming
  return method === 'GET' && httpVersion === '1.1' && headers.upgrade?.toLowerCase() === 'websocket'
    && endpointOf(gate, url) === 'ws' && framing(headers).kind === 'none'
}

/** Passes a handshake on, and where headcount takes it, all that follows. */
export function tunnel(gate: Gate, incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
  const near = socket as Socket
  const passed = gate.upstream === null ? null : ask(gate, incoming, incoming.url, [['connection', 'Upgrade'], ['upgrade', 'websocket']], false)
  if (passed === null) return refuse(lastAnswer(incoming, near))
  let isAnswered = false
  let isJoined = false
  const late = setTimeout(() => { passed.destroy(new Error('no answer in time')) }, ANSWER_WITHIN_MS)
  const answered = (): void => {
    isAnswered = true
    clearTimeout(late)
  }
  const failed = (): void => {
    if (isAnswered || near.destroyed) return
    answered()
    refuse(lastAnswer(incoming, near))
  }
  passed.on('upgrade', (answer, far, early) => {
    if (answer.headers.upgrade?.toLowerCase() !== 'websocket') {
      far.destroy()
      return failed()
    }
    answered()
    isJoined = true
    near.write(switching(answer), 'latin1')
    near.write(early)
    far.write(head)
    join(near, far as Socket)
  })
  passed.on('response', (answer) => {
    answered()
    relay(answer, lastAnswer(incoming, near))
  })
  passed.on('error', failed)
  near.setNoDelay(true).setTimeout(0)
  near.on('error', () => { near.destroy() })
  near.on('close', () => {
    clearTimeout(late)
    open.delete(near)
    if (!isJoined) passed.destroy()
  })
  open.add(near)
  passed.end()
}

/** headcount's answer to a handshake that it takes. */
function switching({ rawHeaders }: IncomingMessage): string {
  const lines = endToEnd(rawHeaders).map(([name, value]) => `${name}: ${value}`)
  return ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: websocket', ...lines, '', ''].join('\r\n')
}

/** Passes bytes both ways until one side ends. Bytes that are under way, such as a close frame, are still passed on; then both sides end. */
function join(near: Socket, far: Socket): void {
  far.setNoDelay(true)
  for (const [side, other] of [[near, far], [far, near]] as const) {
    side.pipe(other)
    side.on('end', () => { other.destroySoon() })
    side.on('error', () => { side.destroy() })
    side.on('close', () => { other.destroySoon() })
  }
}

/** The last answer on a connection, which is closed then. Bytes that still come are discarded. */
export function lastAnswer(incoming: IncomingMessage, socket: Socket): ServerResponse {
  const outgoing = new ServerResponse(incoming)
  outgoing.shouldKeepAlive = false
  outgoing.assignSocket(socket)
  let discarded = 0
  socket.on('data', (piece: Buffer) => {
    discarded += piece.length
    if (discarded > DISCARDED_BYTES_MAX) socket.destroy()
  })
  const linger = (): void => { setTimeout(() => { socket.destroy() }, LINGER_MS).unref() }
  socket.on('end', linger)
  socket.on('error', () => { socket.destroy() })
  outgoing.on('finish', () => {
    socket.end()
    linger()
  })
  return outgoing
}
