import { describe, expect, it } from 'vitest'

import { changedCookies } from '../src/runtime/server/cookies.js'

const NOW = Date.parse('2026-06-01')

describe('the cookies that an answer takes back', () => {
  it.each([
    ['nuxt-session=; Max-Age=0; Path=/', true],
    ['nuxt-session=gone; Max-Age=0', true],
    ['nuxt-session=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT', true],
    ['nuxt-session=new; Path=/; HttpOnly', false],
  ])('%s', (set, isDeleted) => {
    expect(changedCookies('theme=dark; nuxt-session=old', [set], NOW)).toEqual([{ pair: 'nuxt-session=old', isDeleted }])
  })

  it('do not include those that the browser did not send, or that stay the same', () => {
    const set = ['other=1', 'theme=dark; Max-Age=3600', 'session=; Max-Age=0']
    expect(changedCookies('theme=dark; nuxt-session=old', set, NOW)).toEqual([])
    expect(changedCookies(undefined, set, NOW)).toEqual([])
  })
})
