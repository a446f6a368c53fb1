import { describe, expect, it } from 'vitest'

import { DEFAULTS, problems } from '../src/options.js'

describe('problems', () => {
  it('are not found in the defaults, and not in the example of nuxt-skew-protection', () => {
    expect(problems(DEFAULTS)).toEqual([])
    expect(problems({ ...DEFAULTS, connectionTracking: true, routeTracking: true, ipTracking: true })).toEqual([])
  })

  it.each(['routeTracking', 'ipTracking'])('%s needs connection tracking', (key) => {
    expect(problems({ ...DEFAULTS, [key]: true })).toEqual([
      `\`skewProtection.${key}\` needs \`connectionTracking: true\`: turn that on, or \`${key}\` off`,
    ])
  })

  it.each([
    [{ refresh: 'navigation' as const }, 'routeTracking'], [{ deadlineMs: Infinity }, 'milliseconds'], [{ deadlineMs: -1 }, 'milliseconds'],
    [{ endpoint: 'localhost:4477/__skew' }, 'https://'], [{ endpoint: 'ftp://example.com/' }, 'https://'],
    [{ trustedProxies: ['nginx'] }, '`skewProtection.trustedProxies` has "nginx"'], [{ proxyHeaders: ['via'] }, '`skewProtection.proxyHeaders` has "via"'],
    [{ path: '//example.com/x' }, '/__skew'], [{ path: '/**' }, '/__skew'], [{ path: '/skew/' }, '/__skew'],
  ])('of %o are one', (options, right) => {
    expect(problems({ ...DEFAULTS, ...options })).toEqual([expect.stringContaining(right)])
  })

  it('say all at once what is wrong, and what would be right', () => {
    const found = problems({ ...DEFAULTS, hooks: 'all' as never, path: '__skew/', endpoint: 'skew.example.com', upadteStrategy: 'ws' } as never)
    expect(found).toHaveLength(4)
    expect(found.join('\n')).toMatch(/upadteStrategy[\s\S]*"each", "one"[\s\S]*\/__skew[\s\S]*https:\/\//)
  })
})
