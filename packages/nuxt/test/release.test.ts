import { describe, expect, it } from 'vitest'

import { judge, type Releases } from '../src/runtime/server/release.js'

const log = (...releases: [string, number][]): Releases => ({
  current: releases.at(-1)?.[0] ?? 'unreleased',
  releases: releases.map(([version, announcedAt]) => ({ version, announcedAt })),
})

describe('a build that starts', () => {
  it('is announced where headcount never heard of it and nothing came after it was built', () => {
    expect(judge({ id: 'v1', builtAt: 10 }, log(), 'newer')).toBe('announce')
    expect(judge({ id: 'v2', builtAt: 20 }, log(['v1', 15]), 'newer')).toBe('announce')
  })

  it('is not announced again, so an old instance that restarts changes nothing', () => {
    expect(judge({ id: 'v1', builtAt: 10 }, log(['v1', 15], ['v2', 25]), 'newer')).toBe('known')
    expect(judge({ id: 'v1', builtAt: 10 }, log(['v1', 15], ['v2', 25]), 'unknown')).toBe('known')
  })

  it('is not announced over a release that came after it was built, unless told so', () => {
    expect(judge({ id: 'v2', builtAt: 20 }, log(['v1', 15], ['v3', 35]), 'newer')).toBe('older')
    expect(judge({ id: 'v2', builtAt: 20 }, log(['v1', 15], ['v3', 35]), 'unknown')).toBe('announce')
  })
})
