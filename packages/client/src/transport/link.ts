// What every transport is to the session: a way to say something, and three things that can happen.

import type { ClientMessage } from '../messages.js'
import type { Place } from '../storage.js'

/** The two transports. */
export type TransportName = 'sse' | 'websocket'

/** An open stream, or one that is opening. */
export interface Link {
  /**
   * Says it as soon as that is possible, in order; of several that replace each other the last is enough. Only on a stream
   * that has said `connected`, with the id that came with it.
   */
  send(message: ClientMessage, connectionId: string): void
  /** Ends it. Nothing is heard of it any more. */
  close(): void
}

/** What a link tells. `ended` comes at most once, and then nothing more. */
export interface LinkEvents {
  received(text: string): void
  /** The stream is over; with the close code, if the transport has such a thing. */
  ended(code: number | null): void
  /** Where to remember whether WebSocket gets through; absent or `false` where no other transport is wanted. */
  readonly memory?: Place | false | undefined
}

/** Opens a stream. Throws where the browser has no such thing, or a policy of the page forbids it. */
export type Connect = (base: URL, query: URLSearchParams, events: LinkEvents) => Link
