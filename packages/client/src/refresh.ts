// When a command that reached this tab turns into a page load.
//
// Invariants: a tab reloads at most once for a command, and never by itself where that cannot be remembered; a command that
// comes again after its reload is `stuck`, since loading the page did not help; nothing in `reasons` is lost but by the
// user's own decision.
//
// `location.reload()` keeps query and fragment. Deliberately absent: ways around a stale cache. The site has to mend it.

import type { Clock } from './environment.js'
import type { Command, Listeners } from './events.js'
import type { VersionMessage } from './messages.js'
import type { Place } from './storage.js'

/** When a forced refresh happens: at once, when nobody looks, when the user goes to another page, or when the user says so. */
export type RefreshMode = 'now' | 'hidden' | 'navigation' | 'prompt'

/** What is asked of this tab's surroundings, at the moment of asking. */
export interface Sight {
  /** What would be lost. */
  readonly reasons: readonly string[]
  readonly isHidden: boolean
  readonly isOnline: boolean
}

/** What stands between a refresh and its settings. */
export interface RefreshNeeds {
  readonly mode: RefreshMode
  /** How long a refresh may be put off before its user is asked, milliseconds. */
  readonly deadline_ms: number
  readonly clock: Clock
  readonly places: readonly Place[]
  readonly listeners: Listeners
  readonly sight: () => Sight
  readonly reload: () => void
}

/** The refresh of one page load. */
export interface Refresh {
  told(message: VersionMessage): void
  /** The tab shows another page, or is seen or unseen: a waiting refresh may be due. */
  look(hasNavigated: boolean): void
  /** Refreshes now, whatever would be lost. */
  consent(): void
  stop(): void
}

const KEY = 'headcount.refreshed'
const REMEMBERED_MAX = 64
const LOOK_MS = 1_000

/** Whether a refresh that is under way happens now, is held by work, or waits for its moment. */
export function judge(mode: RefreshMode, hasNavigated: boolean, { reasons, isHidden, isOnline }: Sight): 'reload' | 'hold' | 'wait' {
  const isMoment = mode === 'now' || (mode === 'hidden' && isHidden) || (mode === 'navigation' && hasNavigated)
  if (!isMoment || !isOnline) return 'wait'
  return reasons.length > 0 ? 'hold' : 'reload'
}

/** Nothing is under way yet. */
export function createRefresh({ mode, deadline_ms, clock, places, listeners, sight, reload }: RefreshNeeds): Refresh {
  const before = recall(places)
  const told = new Set<string>()
  const pending: Command[] = []
  let dueAt: number | null = null // Null: nothing happens without the user.
  let [isHeld, hasAsked] = [false, false]
  let stopLooking = (): void => {}

  function look(hasNavigated: boolean): void {
    const command = pending.at(-1)
    if (command === undefined || dueAt === null) return
    stopLooking()
    const now = sight()
    const verdict = judge(mode, hasNavigated, now)
    if (verdict === 'reload' && go(false)) return
    if (verdict === 'hold' && !isHeld) {
      isHeld = true
      listeners.emit('held', { command, reasons: now.reasons })
    }
    if (dueAt !== null && clock.now() >= dueAt) ask(command)
    stopLooking = clock.after(LOOK_MS, () => { look(false) })
  }

  function ask(command: Command): void {
    if (hasAsked) return
    hasAsked = true
    listeners.emit('prompt', { command, reasons: sight().reasons, reload: consent })
  }

  /** Whether the page is on its way out. Without a memory of it only a person may start that. */
  function go(byUser: boolean): boolean {
    const command = pending.at(-1)
    if (command === undefined) return false
    if (!remember(places, [...before, ...pending.map(keyOf)]) && !byUser) {
      dueAt = null
      ask(command)
      return true
    }
    pending.length = 0
    listeners.emit('reloading', command)
    reload()
    return true
  }

  function consent(): void {
    stopLooking()
    if (!go(true)) reload()
  }

  return {
    told(message) {
      if (message.force !== true && message.prompt !== true) return
      const command = { id: message.id ?? null, version: message.version }
      const key = keyOf(command)
      if (told.has(key)) return // After a reconnect, a server may say it again.
      told.add(key)
      if (before.includes(key)) {
        listeners.emit('stuck', command)
        return
      }
      pending.push(command)
      hasAsked = isHeld = false
      if (message.force === true && mode !== 'prompt') {
        dueAt ??= clock.now() + deadline_ms
        look(false)
      } else if (dueAt === null) {
        ask(command)
      }
    },
    look,
    consent,
    stop() {
      stopLooking()
      pending.length = 0
    },
  }
}

/** Numbers begin anew on a server that lost its memory; number and release together do not so easily. */
function keyOf({ id, version }: Command): string {
  return `${id ?? ''}:${version}`
}

/** One a line: a version has no control characters. */
function recall(places: readonly Place[]): string[] {
  return places.flatMap((place) => place.read(KEY)?.split('\n') ?? [])
}

/** In the first place that takes it. */
function remember(places: readonly Place[], keys: readonly string[]): boolean {
  const text = [...new Set(keys)].slice(-REMEMBERED_MAX).join('\n')
  return places.some((place) => place.write(KEY, text) && place.read(KEY) === text)
}
