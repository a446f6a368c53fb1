// What goes over the wire, read and written.
//
// A message is known if its `type` is and if it has the fields of that type; every other object with a `type` is a custom
// message of the application. What is neither is nothing. Counts come out without inherited keys: a page may well be
// called `__proto__`. Cases: `protocol/vectors/server-messages.json` and `client-messages.json`.

/** Always the first message of a stream. */
export interface Connected {
  readonly type: 'connected'
  /** The current release. */
  readonly version: string
  /** Valid until this stream ends. */
  readonly connectionId: string
  /** Milliseconds since the Unix epoch. */
  readonly timestamp: number
}

/** A release was announced, or, with `force` or `prompt`, an invalidation applies to this tab. */
export interface VersionMessage {
  readonly type: 'version'
  /** The release that is meant. */
  readonly version: string
  /** The command's number; absent from servers that number nothing. */
  readonly id?: number
  readonly force?: boolean
  readonly prompt?: boolean
}

/** One open tab in {@link Stats}. */
export interface StatsConnection {
  readonly id: string
  readonly version: string
  /** Absent where the server does not track routes. */
  readonly route?: string
  /** Only where the server tracks addresses. */
  readonly ip?: string
}

/** Everything that is open now. Each one replaces the last. */
export interface Stats {
  readonly type: 'stats'
  readonly total: number
  /** Open tabs by the build they run. No inherited keys. */
  readonly versions: Readonly<Record<string, number>>
  /** Open tabs by the page they show. No inherited keys; empty where the server does not track routes. */
  readonly routes: Readonly<Record<string, number>>
  readonly connections: readonly StatsConnection[]
  /** Whether `connections` leaves some out. */
  readonly connectionsTruncated?: boolean
  /** The connection that reads this. */
  readonly yourId: string
}

/** The stream will end soon; connect anew after so many milliseconds. */
export interface Reconnect {
  readonly type: 'reconnect'
  readonly after: number
}

/** A message whose type alone says everything. */
export interface Plain {
  readonly type: 'keepalive' | 'pong' | 'stats-unauthorized'
}

/** What this client acts on. */
export type KnownMessage = Connected | VersionMessage | Stats | Reconnect | Plain

/** Any message, those of the application included. */
export interface Message {
  readonly type: string
  readonly [field: string]: unknown
}

/** What a tab says. */
export type ClientMessage =
  | { readonly type: 'route-update'; readonly route: string }
  | { readonly type: 'subscribe-stats' | 'unsubscribe-stats' | 'ping' }

/** A message as it came, and as what this client knows, if it does. */
export interface Received {
  readonly message: Message
  readonly known: KnownMessage | null
}

const FIELDS: ReadonlyMap<string, Readonly<Record<string, string>>> = new Map([
  ['connected', { version: 'string', connectionId: 'string' }],
  ['version', { version: 'string' }],
  ['stats', { total: 'number', versions: 'object', routes: 'object', connections: 'object' }],
  ['reconnect', { after: 'number' }],
  ['keepalive', {}],
  ['pong', {}],
  ['stats-unauthorized', {}],
])

/** The message that `text` is, or `null` if it is none. */
export function read(text: string): Received | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  if (!isMessage(value)) return null
  if (!isKnown(value)) return { message: value, known: null }
  const known = value.type === 'stats' ? { ...value, versions: counts(value.versions), routes: counts(value.routes) } : value
  return { message: known, known }
}

function isMessage(value: unknown): value is Message {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
}

function isKnown(message: Message): message is Message & KnownMessage {
  const fields = FIELDS.get(message.type)
  // `null` calls itself an object.
  return fields !== undefined && Object.entries(fields).every(([name, type]) => typeof message[name] === type && message[name] !== null)
}

function counts(from: Readonly<Record<string, number>>): Record<string, number> {
  return Object.assign(Object.create(null) as Record<string, number>, from)
}
