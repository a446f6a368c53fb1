// The four figures at the top, and the order in which versions are shown.

import type { Counts, Releases } from '../admin/answers.js'

/** Versions beyond the server's limits count under this name. What they run is not known, so they are never behind. */
export const OTHER = '(other)'
/** What is current before the first release. */
export const UNRELEASED = 'unreleased'

/** What the board says first. */
export interface Figures {
  readonly total: number
  /** `null` where the server does not say. */
  readonly visible: number | null
  readonly onLatest: number
  readonly outdated: number
  /** How many versions the outdated tabs run. */
  readonly outdatedVersions: number
}

/** The figures of `stats`. Before the first release no tab is outdated. */
export function figuresOf(total: number, visible: number | null, versions: Counts, current: string): Figures {
  const behind = Object.entries(versions).filter(([version, tabs]) => isBehind(version, current) && tabs > 0)
  return {
    total,
    visible,
    onLatest: versions[current] ?? 0,
    outdated: behind.reduce((sum, [, tabs]) => sum + tabs, 0),
    outdatedVersions: behind.length,
  }
}

/** Whether a tab on `version` is behind. The current release is the last one announced, so every other one is. */
export function isBehind(version: string, current: string): boolean {
  return current !== UNRELEASED && version !== current && version !== OTHER
}

/** Versions by their last announcement, the newest first; then those never announced, the most frequent first. */
export function newestFirst(counts: Counts, { current, releases }: Releases): string[] {
  const ranks = new Map(releases.map(({ version, id }) => [version, id]))
  ranks.set(current, Infinity)
  const rank = (version: string): number => version === OTHER ? -2 : ranks.get(version) ?? -1
  return Object.keys(counts).sort((a, b) => Math.sign(rank(b) - rank(a)) || (counts[b] ?? 0) - (counts[a] ?? 0) || (a < b ? -1 : 1))
}

/** The same with the releases that no tab runs any more. */
export function withReleases(counts: Counts, { releases }: Releases): Counts {
  const all = Object.create(null) as Record<string, number>
  for (const { version } of releases) all[version] = 0
  return Object.assign(all, counts)
}
