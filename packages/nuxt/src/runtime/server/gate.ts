// The way from a browser through this site to headcount: which requests take it, and how it is put before a server.
//
// The gate passes requests to headcount's client endpoints, and no others. Streams and POSTs are piped (`pipe.ts`),
// WebSockets tunnelled after headcount's 101 (`tunnel.ts`). A request that offers to upgrade to anything else is an
// ordinary request, and the offer is ignored. If headcount does not answer, the browser gets a quick 502 with
// `Retry-After`.

import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { Server as SecureServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

import { framing, pairs } from './headers.js'
import { open, pipe, type Gate } from './pipe.js'
import { isHandshake, lastAnswer, tunnel } from './tunnel.js'

export { pipe, refuse, type Gate } from './pipe.js'
export { isHandshake, tunnel } from './tunnel.js'

/** Whether a request is for the gate. */
export function passes(gate: Gate, url: string | undefined): boolean {
  return url !== undefined && url.startsWith(gate.base) && (url[gate.base.length] === '/' || url[gate.base.length] === '?')
}

/** Ends everything that passes now: this process is about to end. */
export function shut(): void {
  for (const passing of open) passing.destroy()
}

const GATE = Symbol.for('headcount.gate')
type Gated = Server & { [GATE]?: { gate: Gate; requests: boolean }; shouldUpgradeCallback?: (incoming: IncomingMessage) => boolean }
type Emit = (name: string, ...said: unknown[]) => boolean

/**
 * Puts the gate before everything else that listens on a server: WebSockets, and with `requests` other requests too. A second
 * gate takes the place of the first.
 */
export function attach(secureOrNot: Server | SecureServer, gate: Gate, requests: boolean): void {
  const server: Gated = secureOrNot as Server // They emit the same.
  const isNew = server[GATE] === undefined
  server[GATE] = { gate, requests }
  if (!isNew) return
  const others = listenForUpgrades(server)
  const refused = new WeakSet<Duplex>()
  const emit = server.emit.bind(server) as Emit
  server.emit = (name: string, ...said: unknown[]): boolean => {
    if (name === 'upgrade') return upgrade(...(said as [IncomingMessage, Duplex, Buffer])) || emit(name, ...said)
    return (name === 'request' && request(...(said as [IncomingMessage, ServerResponse]))) || emit(name, ...said)
  }

  /** Whether a request was dealt with here. */
  function request(incoming: IncomingMessage, outgoing: ServerResponse): boolean {
    // The last request of its connection came before this one.
    if (refused.has(incoming.socket)) return true
    if (incoming.headers.upgrade !== undefined) {
      outgoing.shouldKeepAlive = false
      refused.add(incoming.socket)
    }
    const now = server[GATE]
    if (!now?.requests || !passes(now.gate, incoming.url)) return false
    pipe(now.gate, incoming, outgoing)
    return true
  }

  /** Whether an offer was dealt with here. */
  function upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    const now = server[GATE]?.gate
    if (now !== undefined && isHandshake(now, incoming)) tunnel(now, incoming, socket, head)
    else if (now !== undefined && !passes(now, incoming.url) && others() > 0) return false
    else answerPlainly(server, incoming, socket as Socket, head)
    return true
  }
}

/**
 * Makes a server emit offers to upgrade, which Node.js does only with a listener. Newer versions of Node.js ask about
 * each one, and read the body of a request whose offer is refused. The returned function counts the other listeners.
 */
function listenForUpgrades(server: Gated): () => number {
  server.on('upgrade', () => {})
  const others = (): number => server.listenerCount('upgrade') - 1
  const before = server.shouldUpgradeCallback
  if (before === undefined) return others
  server.shouldUpgradeCallback = (incoming) => {
    if (framing(incoming.headers).kind === 'none') return true
    const now = server[GATE]?.gate
    return others() > 0 && !(now !== undefined && passes(now, incoming.url)) && before.call(server, incoming)
  }
  return others
}

/**
 * Handles an offer to upgrade without a listener as Node.js does: as an ordinary request, here the last one on its
 * connection. Older versions have released the connection by then, with the body unread, so a request with a body is
 * given to them again.
 */
function answerPlainly(server: Server, incoming: IncomingMessage, socket: Socket, head: Buffer): void {
  if (framing(incoming.headers).kind === 'none') {
    server.emit('request', incoming, lastAnswer(incoming, socket))
    return
  }
  const offer = /^(connection|upgrade|http2-settings)$/i
  const lines = pairs(incoming.rawHeaders).filter(([name]) => !offer.test(name)).map(([name, value]) => `${name}: ${value}`)
  socket.unshift(head)
  socket.unshift(Buffer.from([`${incoming.method} ${incoming.url} HTTP/${incoming.httpVersion}`, ...lines, 'Connection: close', '', ''].join('\r\n'), 'latin1'))
  // To Node.js alone: other listeners count this connection already.
  const begun = server.listeners(server instanceof SecureServer ? 'secureConnection' : 'connection') as ((this: Server, socket: Socket) => void)[]
  const read = begun.find(({ name }) => name === 'connectionListener') ?? begun[0]
  read?.call(server, socket)
}
