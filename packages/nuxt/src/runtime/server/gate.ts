// The way from a browser through this site to headcount.
//
// Streams and POSTs are piped, WebSockets tunnelled byte for byte, both with the browser's own headers. A browser that leaves
// is noticed at once, which proxies made for pages are not good at: whichever side ends, the other one is ended. Where headcount
// does not answer the browser gets a quick 502 that says when to try again.
//
// Deliberately absent: understanding anything of what passes.

import { Agent as HttpAgent, request as requestHttp, ServerResponse, type IncomingMessage, type Server } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps, type Server as SecureServer } from 'node:https'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'

/** What passes a gate, and to where. */
export interface Gate {
  /** The path below which everything passes, without a slash at its end. */
  readonly base: string
  /** The origin of headcount; `null` while there is none. */
  readonly upstream: URL | null
  /** Whether headcount is told the browser's address. */
  readonly tellsAddress: boolean
}

const ANSWER_WITHIN_MS = 3_000
const RETRY_AFTER_SECONDS = 2
/** An idle connection is closed before the other side would. */
const IDLE_MS = 4_000
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'te', 'trailer'])
const UNREACHABLE = JSON.stringify({ error: { code: 'unreachable', message: 'headcount does not answer; try again soon' } })

const agents = { 'http:': new HttpAgent({ keepAlive: true, timeout: IDLE_MS }), 'https:': new HttpsAgent({ keepAlive: true, timeout: IDLE_MS }) }
const open = new Set<{ destroy(): void }>()

/** Whether a request is for the gate. */
export function passes(gate: Gate, url: string | undefined): boolean {
  return url !== undefined && url.startsWith(gate.base) && (url[gate.base.length] === '/' || url[gate.base.length] === '?')
}

/** Ends everything that passes now: this process is about to end. */
export function shut(): void {
  for (const passing of open) passing.destroy()
}

/** Passes a request and its answer on. `path` is what the browser asked for, where others have shortened that on the way here. */
export function pipe(gate: Gate, incoming: IncomingMessage, outgoing: ServerResponse, path = incoming.url): void {
  if (gate.upstream === null) return refuse(outgoing)
  const { protocol, hostname, port } = gate.upstream
  const ask = protocol === 'https:' ? requestHttps : requestHttp
  const headers = withAddress(gate, incoming).filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase()))
  // A body without a length came in chunks, and goes on in chunks.
  if (incoming.headers['transfer-encoding'] !== undefined) headers.push(['transfer-encoding', 'chunked'])
  const passed = ask({
    agent: agents[protocol === 'https:' ? 'https:' : 'http:'],
    hostname: hostname.replace(/^\[|\]$/g, ''), port, method: incoming.method, path,
    headers: headers.flat(), servername: hostname,
  })
  const late = setTimeout(() => { passed.destroy(new Error('no answer in time')) }, ANSWER_WITHIN_MS)
  passed.on('response', (answer) => {
    clearTimeout(late)
    const kept = pairs(answer.rawHeaders).filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase()))
    outgoing.writeHead(answer.statusCode ?? 502, kept.flat())
    outgoing.flushHeaders()
    outgoing.socket?.setNoDelay(true)
    answer.pipe(outgoing)
    answer.on('error', () => { outgoing.destroy() })
  })
  passed.on('error', () => {
    clearTimeout(late)
    if (outgoing.headersSent) outgoing.destroy()
    else if (!outgoing.destroyed) refuse(outgoing)
  })
  open.add(outgoing)
  outgoing.on('close', () => {
    clearTimeout(late)
    open.delete(outgoing)
    passed.destroy()
  })
  incoming.pipe(passed)
}

/** Passes a WebSocket on, handshake and all. */
export function tunnel(gate: Gate, { method, url, rawHeaders, socket: from }: IncomingMessage, socket: Duplex, head: Buffer): void {
  if (gate.upstream === null) return refuseRaw(socket)
  const { protocol, hostname, port } = gate.upstream
  const host = hostname.replace(/^\[|\]$/g, '')
  const isTls = protocol === 'https:'
  const at = { host, port: Number(port || (isTls ? 443 : 80)) }
  const passed: Socket = isTls ? connectTls({ ...at, ...(isIP(host) === 0 && { servername: host }) }) : connectTcp(at)
  let isPassing = false
  const late = setTimeout(() => { passed.destroy() }, ANSWER_WITHIN_MS)
  passed.on(isTls ? 'secureConnect' : 'connect', () => {
    clearTimeout(late)
    isPassing = true
    const lines = withAddress(gate, { rawHeaders, socket: from }).map(([name, value]) => `${name}: ${value}`)
    passed.setNoDelay(true)
    passed.write([`${method} ${url} HTTP/1.1`, ...lines, '', ''].join('\r\n'), 'latin1')
    passed.write(head)
    passed.pipe(socket).pipe(passed)
    // What was said is passed on, and then it is over: nobody leaves half.
    socket.on('end', () => { passed.destroySoon() })
    passed.on('end', () => { (socket as Socket).destroySoon() })
  })
  const end = (): void => {
    clearTimeout(late)
    open.delete(socket)
    passed.destroy()
    // The last words, a close frame perhaps, are still passed on.
    if (isPassing || socket.destroyed) (socket as Socket).destroySoon()
    else refuseRaw(socket)
  }
  if ('setNoDelay' in socket) (socket as Socket).setNoDelay(true).setTimeout(0)
  open.add(socket)
  for (const side of [passed, socket]) side.on('error', end).on('close', end)
}

const GATE = Symbol.for('headcount.gate')
type Gated = Server & { [GATE]?: { gate: Gate; requests: boolean } }

/**
 * Puts the gate before everything else that listens on a server: WebSockets, and with `requests` other requests too. A second
 * gate takes the place of the first.
 */
export function attach(secureOrNot: Server | SecureServer, gate: Gate, requests: boolean): void {
  const server = secureOrNot as Server // They emit the same.
  const gated: Gated = server
  const isNew = gated[GATE] === undefined
  gated[GATE] = { gate, requests }
  // Node.js tells of upgrades only where somebody listens.
  if (server.listenerCount('upgrade') === 0) server.on('upgrade', (...upgrade) => { answerPlainly(server, ...upgrade) })
  if (!isNew) return
  const emit = server.emit.bind(server)
  server.emit = (name: string, ...said: unknown[]): boolean => {
    const now = gated[GATE]
    const url = (said[0] as IncomingMessage | undefined)?.url
    if (now === undefined || (name !== 'upgrade' && !(name === 'request' && now.requests)) || !passes(now.gate, url)) {
      return (emit as (name: string, ...said: unknown[]) => boolean)(name, ...said)
    }
    if (name === 'upgrade') tunnel(now.gate, ...(said as [IncomingMessage, Duplex, Buffer]))
    else pipe(now.gate, ...(said as [IncomingMessage, ServerResponse]))
    return true
  }
}

/** What Node.js does with an offer to upgrade that nobody takes: a request like any other. */
function answerPlainly(server: Server, incoming: IncomingMessage, socket: Duplex, _head: Buffer): void {
  if (server.listenerCount('upgrade') > 1) return
  const outgoing = new ServerResponse(incoming)
  outgoing.shouldKeepAlive = false
  outgoing.assignSocket(socket as Socket)
  outgoing.on('finish', () => { socket.end() })
  socket.on('error', () => { socket.destroy() })
  server.emit('request', incoming, outgoing)
}

/** Says that headcount is not there. */
export function refuse(outgoing: ServerResponse): void {
  outgoing.writeHead(502, { 'content-type': 'application/json', 'cache-control': 'no-store', 'retry-after': String(RETRY_AFTER_SECONDS) })
  outgoing.end(UNREACHABLE)
}

function refuseRaw(socket: Duplex): void {
  const lines = [
    'HTTP/1.1 502 Bad Gateway', `Retry-After: ${RETRY_AFTER_SECONDS}`, 'Content-Type: application/json', 'Connection: close',
    `Content-Length: ${UNREACHABLE.length}`, '', UNREACHABLE,
  ]
  socket.end(lines.join('\r\n'))
}

/** The browser's headers; with the address that it has here, behind those that others saw. */
function withAddress({ tellsAddress }: Gate, { rawHeaders, socket }: Pick<IncomingMessage, 'rawHeaders' | 'socket'>): [string, string][] {
  const headers = pairs(rawHeaders)
  const address = socket.remoteAddress
  if (!tellsAddress || address === undefined) return headers
  const isForwarded = ([name]: [string, string]): boolean => name.toLowerCase() === 'x-forwarded-for'
  const seen = headers.filter(isForwarded).map(([, value]) => value)
  return [...headers.filter((header) => !isForwarded(header)), ['x-forwarded-for', [...seen, address].join(', ')]]
}

function pairs(raw: readonly string[]): [string, string][] {
  return raw.flatMap((name, index): [string, string][] => index % 2 === 0 ? [[name, raw[index + 1] ?? '']] : [])
}
