import { expect, test } from 'vitest'

import { siteConfig } from '../src/runtime/server/site.js'

test.each([
  ['/', '', '/__skew'],
  ['/pro/', '', '/pro/__skew'],
  ['/pro', '', '/pro/__skew'],
  ['/pro/', '/elsewhere', '/elsewhere'],
])('below the base URL %s, with "%s" named, browsers reach headcount at %s', (baseURL, base, expected) => {
  expect(siteConfig({ app: { baseURL }, headcount: { base, path: '/__skew' } }).base).toBe(expected)
})
