import { describe, expect, test } from 'vitest'
import type { Releases, Sample } from '../src/admin/answers.js'
import { bandsOf, BANDS_MAX, colourOf, edges, joined, OLDER } from '../src/numbers/adoption.js'
import { figuresOf, newestFirst, withReleases } from '../src/numbers/figures.js'
import { ago, left, percent, some, whole } from '../src/numbers/words.js'

const NOW = Date.UTC(2026, 10, 22, 9)
const STEP_MS = 5_000

function releases(...versions: string[]): Releases {
  return { current: versions.at(-1) ?? 'unreleased', releases: versions.map((version, index) => ({ id: index + 1, version, announcedAt: NOW + index })) }
}

function sample(at: number, versions: Record<string, number>): Sample {
  return { at, total: Object.values(versions).reduce((sum, tabs) => sum + tabs, 0), versions }
}

describe('figures', () => {
  test('outdated are all tabs behind the current release, whether their version was announced or not', () => {
    expect(figuresOf(10, 6, { v1: 2, v2: 5, unknown: 1, '(other)': 2 }, 'v2'))
      .toEqual({ total: 10, visible: 6, onLatest: 5, outdated: 3, outdatedVersions: 2 })
  })

  test('before the first release nobody is outdated', () => {
    expect(figuresOf(3, null, { v1: 3 }, 'unreleased')).toMatchObject({ onLatest: 0, outdated: 0, outdatedVersions: 0 })
  })

  test('versions come newest first, then the unknown, and what has no name last', () => {
    const counts = withReleases({ '(other)': 9, 'rare': 1, 'known': 2, 'v1': 1, 'v3': 4 }, releases('v1', 'v2', 'v3'))
    expect(newestFirst(counts, releases('v1', 'v2', 'v3'))).toEqual(['v3', 'v2', 'v1', 'known', 'rare', '(other)'])
  })

  test('a version that was announced again is as new as that', () => {
    expect(newestFirst({ v1: 1, v2: 1 }, releases('v1', 'v2', 'v1'))).toEqual(['v1', 'v2'])
  })

  test('a build may be called as it likes', () => {
    const counts = JSON.parse('{"__proto__":2,"constructor":1}') as Record<string, number>
    expect(newestFirst(withReleases(counts, releases('v1')), releases('v1'))).toEqual(['v1', '__proto__', 'constructor'])
  })
})

describe('bands', () => {
  test('the current release lies at the bottom, and edges add up to the total', () => {
    const bands = bandsOf([sample(0, { v1: 4 }), sample(1_000, { v1: 1, v2: 3 })], releases('v1', 'v2'), STEP_MS)
    expect(bands).toEqual({ names: ['v2', 'v1'], at: [0, 1], tabs: [[0, 3], [4, 1]] })
    expect(edges(bands, false)).toEqual([[4, 4], [0, 3]])
    expect(edges(bands, true)).toEqual([[100, 100], [0, 75]])
  })

  test('versions beyond the maximum share one band on top, so that no tab is left out', () => {
    const versions = Object.fromEntries(Array.from({ length: BANDS_MAX + 3 }, (_, index) => [`v${index}`, 1]))
    const bands = bandsOf([sample(0, versions)], releases(...Object.keys(versions)), STEP_MS)
    expect(bands.names).toHaveLength(BANDS_MAX + 1)
    expect([bands.names.at(-1), bands.tabs.at(-1)]).toEqual([OLDER, [3]])
    expect(edges(bands, false)[0]).toEqual([BANDS_MAX + 3])
  })

  test('where the server was away there is a hole, and no line across it', () => {
    const samples = [sample(0, { v1: 1 }), sample(60_000, { v1: 1 }), sample(3_600_000, { v1: 2 })]
    const bands = bandsOf(samples, releases('v1'), STEP_MS)
    expect(bands.tabs).toEqual([[1, 1, null, 2]])
    expect(edges(bands, false)).toEqual([[1, 1, null, 2]])
  })

  test('a history in large steps has no holes where other samples are finer', () => {
    const hour_ms = 3_600_000
    const fine = Array.from({ length: 50 }, (_, second) => sample(3 * hour_ms + second * 1_000, { v1: 1 }))
    const coarse = [0, 1, 2, 3].map((hour) => sample(hour * hour_ms, { v1: 1 }))
    expect(bandsOf(joined(coarse, fine), releases('v1'), hour_ms).tabs[0]).not.toContain(null)
  })

  test('with nobody there a share is unknown, not zero', () => {
    expect(edges(bandsOf([sample(0, { v1: 0 })], releases('v1'), STEP_MS), true)).toEqual([[null]])
  })

  test('what this page saw stands among the history in its order', () => {
    const [first, second, third] = [sample(1, {}), sample(2, {}), sample(3, {})]
    expect(joined([first, third], [second])).toEqual([first, second, third])
  })

  test('neighbours have different colours', () => {
    const colours = Array.from({ length: BANDS_MAX + 1 }, (_, band) => colourOf(band))
    expect(colours.every((colour, band) => colour !== colours[band + 1])).toBe(true)
    expect(colours.filter((colour) => colour === 0)).toHaveLength(1)
    expect(Math.max(...colours)).toBe(4)
  })
})

describe('words', () => {
  test('a share is whole only where it is', () => {
    expect([percent(0, 0), percent(0, 9), percent(1, 100_000), percent(99_999, 100_000), percent(3, 3), percent(1, 3), percent(1, 2)])
      .toEqual(['–', '0%', '0.1%', '99.9%', '100%', '33.3%', '50%'])
  })

  test('counts and times', () => {
    expect([whole(15_012), some(1, 'tab'), some(0, 'tab'), some(2, 'page')]).toEqual(['15,012', '1 tab', '0 tabs', '2 pages'])
    const minute = 60_000
    expect([0, 1, 59, 60, 47 * 60, 48 * 60].map((minutes) => ago(NOW - minutes * minute, NOW)))
      .toEqual(['just now', '1 min ago', '59 min ago', '1 h ago', '47 h ago', '2 days ago'])
    expect([0, 42, 24 * 60, 7 * 24 * 60].map((minutes) => left(NOW + minutes * minute, NOW))).toEqual(['1 min', '42 min', '24 h', '7 days'])
  })
})
