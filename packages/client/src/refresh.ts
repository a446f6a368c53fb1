// When a command that reached this tab turns into a page load.
//
// Invariants: a tab reloads at most once for a command, and never by itself where that cannot be remembered; a command that
// comes again after its reload leads to no other; nothing in `reasons` is lost but by the user's own decision; whatever becomes
// of a command is acknowledged.
//
// `location.reload()` keeps query and fragment. Deliberately absent: ways around a stale cache. The site has to mend it.

import type { Clock } from './environment.js'
import type { Command, Listeners } from './events.js'
import { keyOf, type Memory } from './memory.js'
import type { Outcome, VersionMessage } from './messages.js'

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
  readonly memory: Memory
  /** The build that runs. */
  readonly build: string
  readonly listeners: Listeners
  /** Tells the server what becomes of the command of this number. */
  readonly acknowledge: (id: number, outcome: Outcome) => void
  readonly sight: () => Sight
  readonly reload: () => void
}

/** The refresh of one page load. */
export interface Refresh {
  readonly told: (message: VersionMessage) => void
  /** The tab shows another page, or is seen or unseen: a waiting refresh may be due. */
  readonly look: (hasNavigated: boolean) => void
  /** Refreshes now, whatever would be lost. */
  readonly consent: () => void
  readonly stop: () => void
}

const LOOK_MS = 1_000
/** A page that is still there by then was not left: its user stayed, or the next one is slow to come, milliseconds. */
const STAYED_MS = 5_000

/** Whether a refresh that is under way happens now, is held by work, or waits for its moment. */
export function judge(mode: RefreshMode, hasNavigated: boolean, { reasons, isHidden, isOnline }: Sight): 'reload' | 'hold' | 'wait' {
  const isMoment = mode === 'now' || (mode === 'hidden' && isHidden) || (mode === 'navigation' && hasNavigated)
  if (!isMoment || !isOnline) return 'wait'
  return reasons.length > 0 ? 'hold' : 'reload'
}

/** Nothing is under way yet. */
export function createRefresh({ mode, deadline_ms, clock, memory, build, listeners, acknowledge, sight, reload }: RefreshNeeds): Refresh {
  const told = new Set<string>()
  const pending: Command[] = []
  const say = (outcome: Outcome, commands = pending): void => {
    for (const { id } of commands) if (id !== null) acknowledge(id, outcome)
  }
  let dueAt: number | null = null // Null: nothing happens without the user.
  let held = ''
  let hasAsked = false
  const looking = clock.timer()

  function look(hasNavigated: boolean): void {
    const command = pending.at(-1)
    if (!command || dueAt === null) return
    looking()
    const now = sight()
    const verdict = judge(mode, hasNavigated, now)
    if (verdict === 'reload') return go(command, false)
    const reasons = now.reasons.join()
    if (verdict === 'hold' && reasons !== held) {
      if (!held) say('held')
      held = reasons
      listeners.emit('held', { command, reasons: now.reasons })
    }
    if (dueAt !== null && clock.now() >= dueAt) ask(command)
    looking(LOOK_MS, () => { look(false) })
  }

  function ask(command: Command): void {
    if (hasAsked) return
    hasAsked = true
    say('prompted')
    listeners.emit('prompt', { command, reasons: sight().reasons, reload: consent })
  }

  /** Without a memory of it only a person may start that. What is pending stays so: the page may ask its user, who may stay. */
  function go(command: Command, byUser: boolean): void {
    dueAt = null
    if (!memory.remember(pending, build) && !byUser) return ask(command)
    listeners.emit('reloading', command)
    say('reloading')
    hasAsked = false
    reload()
    if (!byUser) looking(STAYED_MS, () => { ask(command) })
  }

  function consent(): void {
    looking()
    const command = pending.at(-1)
    if (command) go(command, true)
    else reload()
  }

  return {
    told(message) {
      if (!message.force && !message.prompt) return
      const { id = null, version, epoch } = message
      const command: Command = { id, version, epoch }
      const key = keyOf(command)
      if (told.has(key)) return // After a reconnect, a server may say it again.
      told.add(key)
      const buildBefore = memory.buildBefore(command)
      if (buildBefore !== undefined) {
        const isStuck = buildBefore === build
        say(isStuck ? 'stuck' : 'current', [command])
        if (isStuck) listeners.emit('stuck', command)
        return
      }
      pending.push(command)
      hasAsked = false
      held = ''
      if (message.force && mode !== 'prompt') {
        dueAt ??= clock.now() + deadline_ms
        look(false)
      } else if (dueAt === null) {
        ask(command)
      }
    },
    look,
    consent,
    stop() {
      looking()
      pending.length = 0
    },
  }
}
