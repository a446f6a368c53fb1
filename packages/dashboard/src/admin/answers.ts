// What the admin API is asked and what it answers, under the names that the board uses. The types are those of the server: `openapi.ts` is
// generated from its OpenAPI document. Times are milliseconds since the Unix epoch.

import type {
  AudienceBody, ChangeAnswer, ChangeRequest, ConnectionsAnswer, HistoryAnswer, InvalidationAnswer, InvalidationRequest, InvalidationsAnswer, MatchBody, ModeBody, NodeEntry,
  NodesAnswer, NodesAsked, operations, OutcomesEntry, PageEntry, PagesAnswer, RefusalsAnswer, ReleaseEntry, ReleasesAnswer, RuleEntry, SampleEntry,
  SpreadEntry, SpreadRequest,
} from './openapi.js'

export type { ConnectionRow } from './openapi.js'
export type Releases = ReleasesAnswer
export type Release = ReleaseEntry
export type Refusals = RefusalsAnswer
export type Pages = PagesAnswer
export type Page = PageEntry
export type History = HistoryAnswer
export type Sample = SampleEntry
export type ConnectionPage = ConnectionsAnswer
export type Audience = AudienceBody
export type Mode = ModeBody
export type RuleAnswer = InvalidationAnswer
export type Rules = InvalidationsAnswer
export type Rule = RuleEntry
export type RuleChange = ChangeRequest
export type ChangedRule = ChangeAnswer
/** How a rule in waves opens, and how far it is open. */
export type Waves = SpreadEntry
export type Outcomes = OutcomesEntry
export type Nodes = NodesAnswer
export type ClusterNode = NodeEntry
/** How many nodes of a cluster an answer speaks of. */
export type Answered = NodesAsked

/** Open tabs by name. */
export type Counts = Readonly<SampleEntry['versions']>

/** What the list of connections is asked for. Empty: any. */
export type ConnectionQuery = Required<NonNullable<operations['connections']['parameters']['query']>>

type KindOf<Match> = Match extends unknown ? keyof Match : never
export type MatchKind = KindOf<MatchBody>
export const MATCHES = ['segment', 'exact', 'prefix', 'glob', 'regex'] as const satisfies readonly MatchKind[]

/** Exactly one kind with its text. */
export type Match = MatchBody

export function matchOf(kind: MatchKind, text: string): Match {
  // The kind is known only when it runs, and each of them makes a whole match.
  return { [kind]: text } as unknown as Match
}

/** A rule as the board gives one: everything that it lets its user choose. */
export type RuleRequest = Required<Pick<InvalidationRequest, 'match' | 'audience' | 'mode' | 'expires' | 'dryRun'>> & { readonly spread?: SpreadRequest }

/** How the tabs of a rule are told. */
export type Telling = 'all' | 'waves' | 'evenly'

/** What the server is asked for; nothing to tell all tabs. */
export const SPREADS: Readonly<Record<Telling, { readonly spread?: SpreadRequest }>> = {
  all: {},
  waves: { spread: { waves: [1, 10, 50, 100], everyMs: 300_000 } },
  evenly: { spread: { overMs: 600_000 } },
}
