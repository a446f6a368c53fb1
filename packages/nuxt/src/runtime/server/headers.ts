// The headers of a message that goes on to somewhere else: which pass, and how long its body is.

import type { IncomingHttpHeaders } from 'node:http'

/** A header with its value, as it was written. */
export type Header = [name: string, value: string]

/** What concerns one connection alone (RFC 9110, section 7.6.1), and what this side of the gate answers or says itself. */
const HOP_BY_HOP = [
  'connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade',
  'http2-settings',
]
/** These are end-to-end, even if `Connection` lists them. */
const NEVER_DROPPED = ['host', 'content-length']

/** The headers that pass: all but those of the connection, and those that `Connection` names. */
export function endToEnd(raw: readonly string[]): Header[] {
  const headers = pairs(raw)
  const named = headers.filter(([name]) => name.toLowerCase() === 'connection').flatMap(([, value]) => value.toLowerCase().split(','))
  const dropped = new Set([...HOP_BY_HOP, ...named.map((name) => name.trim()).filter((name) => !NEVER_DROPPED.includes(name))])
  return headers.filter(([name]) => !dropped.has(name.toLowerCase()))
}

/** Headers as Node.js gives them raw, two by two. */
export function pairs(raw: readonly string[]): Header[] {
  return raw.flatMap((name, index): Header[] => index % 2 === 0 ? [[name, raw[index + 1] ?? '']] : [])
}

/** How a request says where its body ends: by its length, in chunks, without a body, or in a way that two servers may read in two ways. */
export type Framing = { readonly kind: 'none' } | { readonly kind: 'chunked' } | { readonly kind: 'length'; readonly length: string } | { readonly kind: 'unclear' }

/** How long the body of a request with these headers is. */
export function framing(headers: IncomingHttpHeaders): Framing {
  const { 'transfer-encoding': encoding, 'content-length': length } = headers
  if (encoding !== undefined) return length === undefined && /^chunked$/i.test(encoding.trim()) ? { kind: 'chunked' } : { kind: 'unclear' }
  if (length === undefined || /^0+$/.test(length)) return { kind: 'none' }
  return /^\d+$/.test(length) ? { kind: 'length', length } : { kind: 'unclear' }
}
