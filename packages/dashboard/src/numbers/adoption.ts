// Samples of counts by version, as bands that lie on each other.
//
// The current release is at the bottom and the older ones above it, so that a deploy is one rising edge. Versions
// without their own band are on top, as one band.

import type { Releases, Sample } from '../admin/answers.js'
import { newestFirst } from './figures.js'

/** Bands with a name. */
export const BANDS_MAX = 16
/** The band of all others. */
export const OLDER = 'older'

/** Bands from the bottom up. */
export interface Bands {
  readonly names: readonly string[]
  /** Seconds since the Unix epoch. */
  readonly at: readonly number[]
  /** For each band its own tabs at each time; `null` where nothing is known. */
  readonly tabs: readonly (readonly (number | null)[])[]
}

/** The history has a sample each minute; two may be late. */
const GAP_MIN_MS = 180_000

/** Samples of both, in order: the history is coarse where this page looked on, and all there is where it did not. */
export function joined(history: readonly Sample[], live: readonly Sample[]): readonly Sample[] {
  return [...history, ...live].sort((a, b) => a.at - b.at)
}

/** Which of the five colours a band has. The current release has its own; the greys go down and up again. */
export function colourOf(band: number): number {
  return band === 0 ? 0 : 4 - Math.abs(3 - ((band - 1) % 6))
}

/** The bands of `samples`, the current release first. Samples that are `step_ms` apart hang together. */
export function bandsOf(samples: readonly Sample[], releases: Releases, step_ms: number): Bands {
  const most = Object.create(null) as Record<string, number>
  for (const { versions } of samples) {
    for (const [version, tabs] of Object.entries(versions)) most[version] = Math.max(most[version] ?? 0, tabs)
  }
  const all = newestFirst(most, releases)
  const named = all.slice(0, all.length === BANDS_MAX + 1 ? all.length : BANDS_MAX)
  const names = named.length < all.length ? [...named, OLDER] : named
  const spaced = withGaps(samples, Math.max(GAP_MIN_MS, 3 * step_ms))
  return {
    names,
    at: spaced.map(({ at }) => at / 1_000),
    tabs: names.map((name, band) => spaced.map(({ total, versions }) => {
      if (versions === null) return null
      if (band < named.length) return versions[name] ?? 0
      return total - named.reduce((sum, other) => sum + (versions[other] ?? 0), 0)
    })),
  }
}

/** Each band's upper edge, in tabs or in percent of all; the topmost band first, so that what is drawn later lies before it. */
export function edges({ tabs }: Bands, asShare: boolean): (number | null)[][] {
  const length = tabs[0]?.length ?? 0
  const found = tabs.map((): (number | null)[] => [])
  for (let index = 0; index < length; index += 1) {
    const all = tabs.reduce((sum, band) => sum + (band[index] ?? 0), 0)
    let edge = 0
    for (const [band, line] of tabs.entries()) {
      const own = line[index] ?? null
      edge += own ?? 0
      found[band]?.push(own === null ? null : !asShare ? edge : all === 0 ? null : (edge / all) * 100)
    }
  }
  return found.reverse()
}

interface Spaced {
  readonly at: number
  readonly total: number
  /** `null`: the server was away. */
  readonly versions: Sample['versions'] | null
}

/** A hole where samples are missing, because the server was not running. */
function withGaps(samples: readonly Sample[], gap_ms: number): Spaced[] {
  return samples.flatMap((sample, index) => {
    const before = samples[index - 1]
    const isGap = before !== undefined && sample.at - before.at > gap_ms
    return isGap ? [{ at: before.at + 1, total: 0, versions: null }, sample] : [sample]
  })
}
