// What the admin API is asked and what it answers, as PROTOCOL.md has it. Times are milliseconds since the Unix epoch.

/** Open tabs by name. */
export type Counts = Readonly<Record<string, number>>

/** `GET A/releases` */
export interface Releases {
  /** `unreleased` before the first. */
  readonly current: string
  /** Oldest first. */
  readonly releases: readonly Release[]
}

export interface Release {
  readonly id: number
  readonly version: string
  readonly announcedAt: number
}

/** `GET A/refusals`: pages that were refused for their origin. */
export interface Refusals {
  readonly refusals: readonly {
    readonly origin: string
    /** As the server saw it. */
    readonly host: string
    readonly count: number
    readonly lastAt: number
  }[]
}

/** `GET A/pages` */
export interface Pages {
  readonly current: string
  /** How many there are, listed or not. */
  readonly routes: number
  /** The most viewed first. */
  readonly pages: readonly Page[]
}

export interface Page {
  readonly route: string
  readonly total: number
  /** How many of them are behind the current release. */
  readonly outdated: number
  readonly versions: Counts
}

/** `GET A/history` */
export interface History {
  readonly startedAt: number
  /** Oldest first. */
  readonly samples: readonly Sample[]
}

export interface Sample {
  readonly at: number
  readonly total: number
  readonly versions: Counts
}

/** `GET A/connections` */
export interface ConnectionPage {
  readonly connections: readonly ConnectionRow[]
  /** The cursor of the next page; absent on the last. */
  readonly next?: string
}

export interface ConnectionRow {
  readonly id: string
  readonly version: string
  readonly route?: string
  readonly ip?: string
  readonly hidden?: boolean
}

/** What `GET A/connections` is asked for. Empty: any. */
export interface ConnectionQuery {
  readonly route: string
  readonly version: string
  readonly limit: number
  readonly cursor: string
}

export const MATCHES = ['segment', 'exact', 'prefix', 'glob', 'regex'] as const
export type MatchKind = typeof MATCHES[number]

/** Exactly one kind with its text. */
export type Match = Readonly<Partial<Record<MatchKind, string>>>

export type Audience = 'outdated' | 'all'
export type Mode = 'force' | 'prompt'

/** `POST A/invalidations` */
export interface RuleRequest {
  readonly match: Match
  readonly audience: Audience
  readonly mode: Mode
  /** Seconds. */
  readonly expires: number
  readonly dryRun: boolean
}

export interface RuleAnswer {
  /** Absent for a dry run. */
  readonly id?: number
  readonly tabs: number
  readonly routes: number
  /** Open tabs of which the server cannot know whether the rule hits them. Absent where there are none. */
  readonly unknown?: number
  /** Over how long they are told, milliseconds. Absent where they are told at once. */
  readonly spreadMs?: number
  /** Rules that no longer stand because of this one. */
  readonly lapsed?: readonly number[]
}

/** `GET A/invalidations`, oldest first. */
export interface Rules {
  readonly invalidations: readonly Rule[]
}

export interface Rule {
  readonly id: number
  readonly match: Match
  /** Absent for any. */
  readonly versions?: readonly string[]
  readonly audience: Audience
  readonly mode: Mode
  readonly release: string
  readonly createdAt: number
  readonly expiresAt: number
  readonly outcomes: Outcomes
}

/** Page loads since the server's own start. */
export interface Outcomes {
  readonly matched: number
  readonly told: number
  readonly reloaded: number
  readonly held: number
  readonly waiting: number
  readonly prompted: number
  readonly stuck: number
  readonly current: number
  readonly gone: number
  /** Open tabs of which the server cannot know whether the rule applies to them. Absent where there are none. */
  readonly unknown?: number
}
