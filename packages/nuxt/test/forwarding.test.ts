import { describe, expect, it } from 'vitest'

import { configuredProxies, forwarding, isForwarding } from '../src/runtime/server/forwarding.js'
import type { Header } from '../src/runtime/server/headers.js'
import { ask, twoServers } from './two-servers.js'

const CLAIMS: Header[] = [
  ['CF-Connecting-IP', '9.9.9.1'], ['X-Forwarded-For', '9.9.9.2'], ['X-Real-IP', '9.9.9.3'], ['X-Forwarded-Proto', 'https'], ['X-Forwarded-Host', 'evil.example'],
]

const told = (peer: string, config: Parameters<typeof configuredProxies>[0], claims = CLAIMS): string[] =>
  forwarding(claims, peer, true, configuredProxies(config)).map(([name, value]) => `${name.toLowerCase()}: ${value}`)

describe('what headcount is told of an address', () => {
  it('is what the socket says, whatever a visitor claims', () => {
    expect(told('203.0.113.7', {})).toEqual(['x-forwarded-for: 203.0.113.7'])
    expect(told('203.0.113.7', { trustedProxies: ['10.0.0.0/8'], proxyHeaders: ['cf-connecting-ip', 'x-forwarded-for'] })).toEqual(['x-forwarded-for: 203.0.113.7'])
    expect(told('fe80::1%eth0', {})).toEqual(['x-forwarded-for: fe80::1'])
  })

  it('is what a trusted proxy sets, and nothing that it lets through', () => {
    const by = (...proxyHeaders: string[]) => told('::ffff:10.1.2.3', { trustedProxies: '192.0.2.1, 10.0.0.0/8', proxyHeaders })
    expect(by()).toEqual(['x-forwarded-for: ::ffff:10.1.2.3'])
    expect(by('x-forwarded-for')).toEqual(['x-forwarded-for: 9.9.9.2, ::ffff:10.1.2.3'])
    expect(by('x-real-ip')).toEqual(['x-forwarded-for: 9.9.9.3, ::ffff:10.1.2.3'])
    expect(by('X-Real-IP', 'X-Forwarded-For', 'CF-Connecting-IP')).toEqual(['x-forwarded-for: 9.9.9.1, ::ffff:10.1.2.3'])
    expect(by('x-forwarded-for', 'x-forwarded-proto')).toEqual(['x-forwarded-proto: https', 'x-forwarded-for: 9.9.9.2, ::ffff:10.1.2.3'])
  })

  it('is not one of two, nor what is no address', () => {
    const config = { trustedProxies: ['10.0.0.0/8'], proxyHeaders: ['x-real-ip'] }
    expect(told('10.1.2.3', config, [['x-real-ip', '9.9.9.1'], ['X-Real-Ip', '9.9.9.2']])).toEqual(['x-forwarded-for: 10.1.2.3'])
    expect(told('10.1.2.3', config, [['x-real-ip', '9.9.9.1, 8.8.8.8']])).toEqual(['x-forwarded-for: 10.1.2.3'])
  })

  it('is nothing where addresses are not to be known', () => {
    const proxies = configuredProxies({ trustedProxies: ['10.0.0.0/8'], proxyHeaders: ['x-forwarded-for', 'x-forwarded-proto'] })
    expect(forwarding(CLAIMS, '10.1.2.3', false, proxies)).toEqual([['X-Forwarded-Proto', 'https']])
  })
})

describe('through the gate', () => {
  const now = twoServers()
  it.each([[false, undefined], [true, '127.0.0.1']])('no claim passes; address told: %s', async (tellsAddress, address) => {
    now.gate.tellsAddress = tellsAddress
    now.behind.on('request', ({ headers }, answer) => { answer.end(JSON.stringify(headers)) })
    const claims = {
      'forwarded': 'for=9.9.9.9', 'x_forwarded_for': '9.9.9.9', 'true-client-ip': '9.9.9.9', 'x-client-ip': '9.9.9.9', 'fastly-client-ip': '9.9.9.9',
      'cf-connecting-ipv6': '::9', 'connection': 'x-forwarded-for', ...Object.fromEntries(CLAIMS),
    }
    const headers = JSON.parse((await ask(now.site, '/__skew/sse', claims)).text) as Record<string, string>
    expect(Object.keys(headers).filter((name) => isForwarding([name, '']))).toEqual(tellsAddress ? ['x-forwarded-for'] : [])
    expect(headers['x-forwarded-for']).toBe(address)
  })
})

describe('a configuration', () => {
  it.each([
    [{ trustedProxies: ['10.0.0.0/33'] }, '10.0.0.0/33'], [{ trustedProxies: 'nginx' }, 'nginx'], [{ trustedProxies: ['::1/129'] }, '::1/129'],
    [{ trustedProxies: ['10.0.0.0/8/8'] }, '10.0.0.0/8/8'], [{ trustedProxies: ['10.0.0.0/'] }, '10.0.0.0/'], [{ proxyHeaders: ['x-client-ip'] }, 'x-client-ip'],
  ])('that is wrong is named: %o', (config, wrong) => {
    expect(() => configuredProxies(config)).toThrow(`"${wrong}"`)
  })
})
