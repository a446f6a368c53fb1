// Who listens to what.
//
// If a listener throws, the error is reported as an uncaught error of the page, and the other listeners are still called.

import type { Connected, Message, VersionMessage } from './messages.js'
import type { Phase } from './session.js'
import type { Stats } from './stats.js'

/** An invalidation that this tab was told. */
export interface Command {
  /** Its number, or `null` from a server that numbers nothing. */
  readonly id: number | null
  /** Whose number that is; absent from a server that names no epoch. Epoch and number together are never given twice. */
  readonly epoch?: string | undefined
  /** The release that was current when it was given. */
  readonly version: string
}

/** A refresh that waits for unfinished work. */
export interface Held {
  readonly command: Command
  /** What would be lost, in words: `form`, `media`, or what the page gave as its reason. */
  readonly reasons: readonly string[]
}

/** A refresh that its user decides on. */
export interface Prompt {
  readonly command: Command
  /** What would be lost at this moment; see {@link Held}. */
  readonly reasons: readonly string[]
  /** Refreshes, also if work would be lost; if the app serves an error, as soon as it does not. */
  readonly reload: () => void
  /** Asks again later. */
  readonly later: () => void
}

/** What can be listened to, and what a listener gets. */
export interface HeadcountEvents {
  /** Whether this tab is counted right now: `open`, or one of the ways of not being there. */
  state: Phase
  connected: Connected
  /** Every message, those of the application included. */
  message: Message
  /** A release was announced, or an invalidation applies to this tab. */
  version: VersionMessage
  stats: Stats
  /** The server does not, or no longer, show stats to this visitor. */
  'stats-unauthorized': undefined
  /** This tab shows another page. */
  route: string
  held: Held
  prompt: Prompt
  /** The last moment before this tab refreshes. */
  reloading: Command
  /** This tab refreshed for the command as often as it may, and the command still applies: something keeps serving the old build. */
  stuck: Command
}

/** The listeners. */
export interface Listeners {
  readonly on: <Name extends keyof HeadcountEvents>(name: Name, listener: (event: HeadcountEvents[Name]) => void) => () => void
  readonly emit: <Name extends keyof HeadcountEvents>(name: Name, event: HeadcountEvents[Name]) => void
}

/** Without listeners yet. `report` gets the errors of listeners. */
export function createListeners(report: (error: unknown) => void): Listeners {
  const all = new Map<string, Set<(event: never) => void>>()
  return {
    on(name, listener) {
      const heard = all.get(name) ?? new Set()
      all.set(name, heard.add(listener))
      return () => { heard.delete(listener) }
    },
    emit(name, event) {
      for (const listener of new Set(all.get(name))) {
        try {
          (listener as (event: unknown) => void)(event)
        } catch (error) {
          report(error)
        }
      }
    },
  }
}
