// What headcount is told about where a request comes from.
//
// Anyone can write a forwarding header, so the gate removes those of a browser. It writes its own, `x-forwarded-for`,
// and only with IP tracking on: the address of the socket's peer. If that peer is a proxy that the app's configuration
// trusts, the address that the proxy saw goes before it. The gate reads it from the headers that the proxy sets
// according to the configuration. Other headers come from the visitor, also through the proxy.

import { BlockList, isIP } from 'node:net'

import type { Header } from './headers.js'

/** The proxies before the app, and what they say. */
export interface Proxies {
  /** Whether an address is that of such a proxy. */
  trusts(address: string): boolean
  /** The headers that these proxies set or remove, in lower case. */
  readonly headers: ReadonlySet<string>
}

/** `skewProtection.trustedProxies` and `proxyHeaders`; a text from the environment has commas between its entries. */
export interface ProxyConfig {
  readonly trustedProxies?: readonly string[] | string
  readonly proxyHeaders?: readonly string[] | string
}

/** What proxies may be said to set: where there are several addresses the first of these counts. */
export const ADDRESS_HEADERS = ['cf-connecting-ip', 'x-forwarded-for', 'x-real-ip'] as const
/** What else they may be said to set. These pass as they are. */
export const OTHER_HEADERS = ['x-forwarded-proto', 'x-forwarded-host'] as const

/** Names in which proxies of all makes say what they saw. */
const FORWARDING = /forwarded|(^|-)(client|connecting|real|remote|user|source|cluster|original)-?(ip|addr|address|host)(v[46])?$|-ip(v[46])?$|pseudo-ipv4$/

/** The headers with which headcount learns where a request comes from, in place of those that it came with. */
export function forwarding(headers: readonly Header[], address: string | undefined, tellsAddress: boolean, proxies: Proxies | undefined): Header[] {
  // Which interface a link-local address was seen on concerns this machine alone.
  const [peer] = address?.split('%') ?? []
  const said = peer !== undefined && proxies?.trusts(peer) ? headers.filter(([name]) => proxies.headers.has(name.toLowerCase())) : []
  const passing = said.filter(([name]) => (OTHER_HEADERS as readonly string[]).includes(name.toLowerCase()))
  if (tellsAddress && peer !== undefined) passing.push(['x-forwarded-for', [...seen(said), peer].join(', ')])
  return passing
}

/** Whether a header says where a request comes from. Some servers read `_` as `-`. */
export function isForwarding([name]: Header): boolean {
  return FORWARDING.test(name.toLowerCase().replaceAll('_', '-'))
}

/** The address that the proxy saw, with those that it was told. */
function seen(said: readonly Header[]): string[] {
  for (const wanted of ADDRESS_HEADERS) {
    const values = said.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value.trim())
    if (wanted === 'x-forwarded-for' && values.some(Boolean)) return values
    const [only, second] = values
    // Twice the header: which one is the proxy's cannot be told.
    if (only !== undefined && second === undefined && isIP(only) !== 0) return [only]
  }
  return []
}

/** The proxies of a configuration. Throws what is wrong with it. */
export function configuredProxies(config: ProxyConfig): Proxies {
  const networks = new BlockList()
  for (const network of entries(config.trustedProxies)) add(networks, network)
  const headers = entries(config.proxyHeaders).map((name) => name.toLowerCase())
  const known: readonly string[] = [...ADDRESS_HEADERS, ...OTHER_HEADERS]
  const unknown = headers.find((name) => !known.includes(name))
  if (unknown !== undefined) throw new Error(`proxyHeaders has "${unknown}": write some of ${known.join(', ')}`)
  return {
    trusts: (address) => isIP(address) !== 0 && networks.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4'),
    headers: new Set(headers),
  }
}

function add(networks: BlockList, text: string): void {
  const [address = '', bits, ...more] = text.split('/')
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
  const most = family === 'ipv6' ? 128 : 32
  const isNetwork = isIP(address) !== 0 && more.length === 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most))
  if (!isNetwork) throw new Error(`trustedProxies has "${text}": write an address or a network such as 10.0.0.0/8`)
  networks.addSubnet(address, Number(bits ?? most), family)
}

function entries(list: readonly string[] | string | undefined): string[] {
  const texts = typeof list === 'string' ? list.split(',') : list ?? []
  return texts.map((text) => String(text).trim()).filter(Boolean)
}
