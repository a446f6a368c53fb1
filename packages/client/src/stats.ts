// The numbers as they are now: a whole message, or the last ones and what changed since.
//
// Each step makes a new object; unchanged parts keep their identity, so that comparisons are cheap. Counts have no
// inherited keys: a page may be called `__proto__`. Cases: `protocol/vectors/deltas.json`.

import type { StatsConnection, StatsDelta, StatsMessage, StatsNodes } from './messages.js'

/** Counts by name. No inherited keys. */
export type Counts = Readonly<Record<string, number>>

/** Everything that is open now. Each one replaces the last. */
export interface Stats {
  readonly type: 'stats'
  readonly total: number
  /** Visible tabs. Absent from servers that do not send it. */
  readonly visible?: number
  /** Open tabs by the build they run. */
  readonly versions: Counts
  /** Open tabs by the page they show; empty where the server does not track routes. */
  readonly routes: Counts
  /** Open tabs one by one; empty if no subscriber asked for them. */
  readonly connections: readonly StatsConnection[]
  /** Whether `connections` leaves some out. */
  readonly connectionsTruncated?: boolean
  /** How many servers of a cluster these numbers are of. Absent where they are of all. */
  readonly nodes?: StatsNodes
  /** The connection that reads this. */
  readonly yourId: string
}

/** The number of a state; not passed to listeners. */
type Numbered = Stats & { readonly seq?: number }

/** What a whole message says. */
export function whole(message: StatsMessage): Stats {
  const { versions, routes, connections = [] } = message
  return { ...message, versions: counts({}, versions), routes: counts({}, routes), connections }
}

/** The stats after `delta`, or `null` if it does not follow them: something is missing in between. */
export function changed(before: Numbered, delta: StatsDelta): Stats | null {
  if (delta.seq - 1 !== before.seq) return null
  const { you, nodes: newNodes, ...news } = delta
  const { nodes: oldNodes, ...rest } = before
  const nodes = newNodes === undefined ? oldNodes : newNodes
  return {
    ...rest, ...news, ...nodes && { nodes }, type: 'stats',
    versions: counts(before.versions, news.versions), routes: counts(before.routes, news.routes),
    connections: news.connections || you ? rows(before, { ...news.connections, ...you && { [before.yourId]: you } }) : before.connections,
  }
}

function counts(before: Counts, news: StatsDelta['versions']): Counts {
  if (!news) return before
  const after: Record<string, number | null> = { __proto__: null, ...before, ...news }
  for (const name in news) if (news[name] === null) delete after[name]
  return after as Counts
}

/** The reader's own row stays even if the list does not have it. */
function rows({ connections, yourId }: Stats, news: NonNullable<StatsDelta['connections']>): StatsConnection[] {
  const after = new Map(connections.map((row) => [row.id, row]))
  for (const [id, row] of Object.entries(news)) {
    if (row) after.set(id, { id, ...row })
    else if (id !== yourId) after.delete(id)
  }
  return [...after.values()]
}
