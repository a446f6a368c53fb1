// Requests with one answer, and streams: passed on to headcount with the browser's own headers.
//
// A browser that leaves is noticed at once, which many page proxies miss: when one side ends, the other one is ended.
// Browsers share the connections to headcount, so a request whose end two servers could see in different places is
// refused here.

import { Agent as HttpAgent, request as requestHttp, type ClientRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { isIP } from 'node:net'

import { forwarding, isForwarding, type Proxies } from './forwarding.js'
import { endToEnd, framing, pairs, type Header } from './headers.js'

/** What passes a gate, and to where. */
export interface Gate {
  /** The path below which everything is headcount's, without a slash at its end. */
  readonly base: string
  /** The origin of headcount; `null` while headcount is not known. */
  readonly upstream: URL | null
  /** Whether headcount is told the browser's address. */
  readonly tellsAddress: boolean
  /** The proxies before this app. Without them nothing that a request says of its address is believed. */
  readonly proxies?: Proxies | undefined
}

/** headcount's client endpoints. Nothing else passes, even if headcount or a server before it has more below the same path. */
const ENDPOINTS: ReadonlySet<string> = new Set(['sse', 'ws', 'route', 'subscribe-stats', 'message', 'health', 'client.js', 'client.js.map'])
/** The parts of the browser client that pages load when they need them. */
const PART = /^client\/\w[\w-]*(\.[\w-]+)*\.js(\.map)?$/

/** How long headcount has to begin its answer. */
export const ANSWER_WITHIN_MS = 3_000
const RETRY_AFTER_SECONDS = 2
/** An idle connection is closed before the other side would. */
const IDLE_MS = 4_000
const HEAD_BYTES_MAX = 16_384

const agents = { 'http:': new HttpAgent({ keepAlive: true, timeout: IDLE_MS }), 'https:': new HttpsAgent({ keepAlive: true, timeout: IDLE_MS }) }
/** What passes now. */
export const open = new Set<{ destroy(): void }>()

/** The endpoint that a URL names, letter by letter; `null` where it names none that browsers may reach. */
export function endpointOf(gate: Gate, url: string | undefined): string | null {
  const [path = ''] = (url ?? '').split(/[?#]/, 1)
  const name = path.startsWith(`${gate.base}/`) ? path.slice(gate.base.length + 1) : ''
  return ENDPOINTS.has(name) || PART.test(name) ? name : null
}

/** Passes a request and its answer on. `path` is what the browser asked for, where others have shortened that on the way here. */
export function pipe(gate: Gate, incoming: IncomingMessage, outgoing: ServerResponse, path = incoming.url): void {
  if (endpointOf(gate, path) === null) return say(outgoing, 404, 'not_found', 'headcount has no such endpoint for browsers')
  if (gate.upstream === null) return refuse(outgoing)
  const body = bodyOf(incoming)
  if (body === null) return sayUnclear(outgoing)
  const passed = ask(gate, incoming, path, body, agents[gate.upstream.protocol === 'https:' ? 'https:' : 'http:'])
  if (passed === null) return sayUnclear(outgoing)
  const late = setTimeout(() => { passed.destroy(new Error('no answer in time')) }, ANSWER_WITHIN_MS)
  passed.on('response', (answer) => {
    clearTimeout(late)
    relay(answer, outgoing)
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

/** Begins a request to headcount, with the browser's headers and `more`. `null` where they can be in no request. */
export function ask(gate: Gate, incoming: IncomingMessage, path: string | undefined, more: readonly Header[], agent: HttpAgent | HttpsAgent | false): ClientRequest | null {
  const { protocol, hostname, port } = gate.upstream as URL
  const host = hostname.replace(/^\[|\]$/g, '')
  try {
    return (protocol === 'https:' ? requestHttps : requestHttp)({
      agent, hostname: host, port, method: incoming.method, path, headers: [...browserHeaders(gate, incoming), ...more].flat(),
      maxHeaderSize: HEAD_BYTES_MAX,
      // For an address no name is asked for. Left out, it would be the name that the browser wrote in `Host`.
      servername: isIP(host) === 0 ? host : '',
    })
  } catch {
    return null
  }
}

/** Answers as headcount did. */
export function relay(answer: IncomingMessage, outgoing: ServerResponse): void {
  const { statusCode = 0 } = answer
  // Less is not an answer yet: a 101 without its protocol comes here too.
  if (statusCode < 200) {
    answer.destroy()
    return refuse(outgoing)
  }
  try {
    outgoing.writeHead(statusCode, endToEnd(answer.rawHeaders).flat())
  } catch {
    answer.destroy()
    return refuse(outgoing)
  }
  outgoing.flushHeaders()
  outgoing.socket?.setNoDelay(true)
  answer.pipe(outgoing)
  answer.on('error', () => { outgoing.destroy() })
}

/** Says that headcount is not there. */
export function refuse(outgoing: ServerResponse): void {
  outgoing.setHeader('Retry-After', String(RETRY_AFTER_SECONDS))
  say(outgoing, 502, 'unreachable', 'headcount does not answer; try again soon')
}

/** The headers with the length of the body; `null` if it is ambiguous, or there must be no body. */
function bodyOf({ method, headers }: IncomingMessage): Header[] | null {
  const body = framing(headers)
  if (body.kind === 'none') return method === 'GET' || method === 'HEAD' ? [] : [['content-length', '0']]
  // What a body means to these two is for every server to say (RFC 9110, section 9.3.1).
  if (body.kind === 'unclear' || method === 'GET' || method === 'HEAD') return null
  return [body.kind === 'chunked' ? ['transfer-encoding', 'chunked'] : ['content-length', body.length]]
}

/** `Expect` was answered on this side. */
function browserHeaders({ tellsAddress, proxies }: Gate, { rawHeaders, socket }: IncomingMessage): Header[] {
  const passing = endToEnd(rawHeaders).filter((header) => !isForwarding(header) && !/^(content-length|expect)$/i.test(header[0]))
  return [...passing, ...forwarding(pairs(rawHeaders), socket.remoteAddress, tellsAddress, proxies)]
}

function sayUnclear(outgoing: ServerResponse): void {
  outgoing.shouldKeepAlive = false
  say(outgoing, 400, 'malformed', 'this request cannot be passed on: it has a body where none belongs, or headers that contradict each other')
}

function say(outgoing: ServerResponse, status: number, code: string, message: string): void {
  const text = JSON.stringify({ error: { code, message } })
  outgoing.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text), 'Cache-Control': 'no-store' })
  outgoing.end(text)
}
