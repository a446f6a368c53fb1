// What goes over the wire, read and written.
//
// A message is known if the client handles its `type` and it has the field of that type; every other object with a
// `type` is a sign of life or a custom message of the application. Other texts are ignored. Cases:
// `protocol/vectors/server-messages.json` and `client-messages.json`.

/** Always the first message of a stream. */
export interface Connected {
  readonly type: 'connected'
  /** The current release. */
  readonly version: string
  /** Valid until this stream ends. */
  readonly connectionId: string
  /** Milliseconds since the Unix epoch. */
  readonly timestamp: number
  /** What to bring back for as long as this page is loaded; absent from servers that judge no one by it. */
  readonly resume?: string
  /** The time between two signs of life, milliseconds; absent from servers that do not send it. */
  readonly keepalive?: number
  /** Whose numbers the commands have; absent from servers that name none. */
  readonly epoch?: string
  /** `false`: the build of this tab is not an announced release. */
  readonly announced?: boolean
}

/** A release was announced, or, with `force` or `prompt`, an invalidation applies to this tab. */
export interface VersionMessage {
  readonly type: 'version'
  /** The release that is meant. */
  readonly version: string
  /** The command's number; absent from servers that number nothing. */
  readonly id?: number
  /** The epoch of that number. A server that lost its store starts its numbers again, under another epoch. */
  readonly epoch?: string
  readonly force?: boolean
  readonly prompt?: boolean
}

/** One open tab among the numbers. */
export interface StatsConnection {
  readonly id: string
  readonly version: string
  /** Absent where the server does not track routes. */
  readonly route?: string
  /** Only where the server tracks addresses. */
  readonly ip?: string
  /** `true` if the tab is hidden. */
  readonly hidden?: boolean
}

/** How many servers of a cluster the numbers are of, where those of some are missing. */
export interface StatsNodes {
  readonly answered: number
  readonly of: number
  /** The names of those that are missing. Absent from an older server. */
  readonly missing?: readonly string[]
}

/** The numbers, whole. */
export interface StatsMessage {
  readonly type: 'stats'
  readonly total: number
  readonly versions: Readonly<Record<string, number>>
  readonly routes: Readonly<Record<string, number>>
  /** Absent where they were not asked for. */
  readonly connections?: readonly StatsConnection[]
  readonly connectionsTruncated?: boolean
  /** Only while the tabs of some servers of a cluster are not counted. */
  readonly nodes?: StatsNodes
  readonly yourId: string
  /** The number of this state; only where deltas were asked for, like `visible`. */
  readonly seq?: number
  readonly visible?: number
}

/** The changes since the state before `seq`: new values, and `null` for removed names. */
export interface StatsDelta {
  readonly type: 'stats-delta'
  readonly seq: number
  readonly total?: number
  readonly visible?: number
  readonly versions?: Readonly<Record<string, number | null>>
  readonly routes?: Readonly<Record<string, number | null>>
  /** Rows by their id, without it. */
  readonly connections?: Readonly<Record<string, Omit<StatsConnection, 'id'> | null>>
  readonly connectionsTruncated?: boolean
  /** `null`: the numbers are of all servers again. */
  readonly nodes?: StatsNodes | null
  /** The reader's own row, where `connections` does not hold it. */
  readonly you?: Omit<StatsConnection, 'id'>
}

/** The stream will end soon: reconnect after this many milliseconds. */
export interface Reconnect {
  readonly type: 'reconnect'
  readonly after: number
}

/** The server does not, or no longer, show stats to this visitor. */
export interface Unauthorized {
  readonly type: 'stats-unauthorized'
}

/** What every page acts on. Numbers are read by those that ask for them (`subscription.ts`). */
export type KnownMessage = Connected | VersionMessage | Reconnect

/** Any message, those of the application included. */
export interface Message {
  readonly type: string
  readonly [field: string]: unknown
}

/** What a tab does about a command. */
export type Outcome = 'reloading' | 'waiting' | 'held' | 'prompted' | 'stuck' | 'current'

/** What a tab says that it does about the command of this number. */
export interface Ack {
  readonly type: 'ack'
  readonly id: number
  readonly outcome: Outcome
}

/** What a tab says. */
export type ClientMessage =
  | { readonly type: 'route-update'; readonly route: string }
  | { readonly type: 'visibility'; readonly state: 'visible' | 'hidden' }
  | { readonly type: 'subscribe-stats'; readonly delta: true; readonly connections: boolean }
  | { readonly type: 'unsubscribe-stats' | 'ping' | 'alive' }
  | Ack

/** A message as it came, and as what this client knows, if it does. */
export interface Received {
  readonly message: Message
  readonly known: KnownMessage | null
}

/** The field that each known type must have, and its form. */
const FIELDS: Readonly<Record<string, readonly [string, string] | null>> = {
  __proto__: null,
  connected: ['connectionId', 'string'],
  version: ['version', 'string'],
  reconnect: ['after', 'number'],
}

/** The message in `text`, or `null` if it is not a message. */
export function read(text: string): Received | null {
  try {
    const message = JSON.parse(text) as Message | null
    return typeof message?.type === 'string' ? { message, known: isKnown(message) ? message : null } : null
  } catch {
    return null
  }
}

function isKnown(message: Message): message is Message & KnownMessage {
  const [field, like] = FIELDS[message.type] ?? []
  return typeof message[field as string] === like // Of an unknown type there is no `like`.
}
