// When a command that reached this tab turns into a page load: a pure function of what is known and what happened.
//
// Invariants: nothing in `reasons` is lost but by the user's own decision; a page is looked at before the tab goes there, and the
// tab never goes where it would get the build that it has, or an error; it reloads for a command a bounded number of times, and
// never by itself where that cannot be remembered; what becomes of a command is acknowledged. Cases: `protocol/vectors/refresh.json`.
//
// Deliberately absent: time, chance, the page (arguments of each step), and ways around a stale cache. The shell is `refreshing.ts`.

import type { Command } from './events.js'
import type { Outcome } from './messages.js'

/** When a forced refresh happens: at once, when the tab is hidden, or when its user navigates or agrees. */
export type RefreshMode = 'now' | 'hidden' | 'navigation' | 'prompt'

/** What a refresh is set up with. */
export interface RefreshSettings {
  readonly mode: RefreshMode
  /** How long a forced refresh may be put off before its user is asked, milliseconds. */
  readonly deadline_ms: number
  /** The build that runs; empty if it has no name. */
  readonly build: string
}

/** The tab and its page at the moment of a step. */
export interface Sight {
  /** Milliseconds, of any clock. */
  readonly now: number
  /** A random number from 0 up to, and without, 1. */
  readonly chance: number
  /** What would be lost. */
  readonly reasons: readonly string[]
  readonly isHidden: boolean
  readonly isOnline: boolean
  /** Whether the server knows no release by the name of the build that runs. Absent: it does. */
  readonly isUnannounced?: boolean | undefined
}

/** What a reload would load now. `refused`: no such page, not for this visitor, or something else in its place. */
export interface Look {
  readonly answer: 'well' | 'unwell' | 'refused'
  /** The build that would come; empty if that cannot be told. */
  readonly build: string
}

/** What earlier pages of this tab did for a command: the build that the last one had, and how often they went. */
export interface Tried {
  readonly build: string
  readonly tries: number
}

/** Events. `considered`: time passed, or something changed. `later`: the user wants to be asked later. */
export type RefreshEvent =
  | { readonly type: 'told'; readonly command: Command; readonly force: boolean; readonly tried: Tried | null }
  | { readonly type: 'considered' | 'navigated' | 'consented' | 'later' | 'remembered' | 'not-remembered' | 'stayed' | 'stopped' }
  | ({ readonly type: 'looked' } & Look)

/** Actions, in this order. `look`: fetch the page to see what a reload would load. `remember`: note that the tab reloads for these commands. */
export type RefreshEffect =
  | { readonly type: 'acknowledge'; readonly id: number; readonly outcome: Outcome }
  | { readonly type: 'held' | 'prompt'; readonly command: Command; readonly reasons: readonly string[] }
  | { readonly type: 'reloading' | 'stuck'; readonly command: Command }
  | { readonly type: 'remember'; readonly commands: readonly Command[] }
  | { readonly type: 'wait'; readonly ms: number; readonly until: 'considered' | 'stayed' }
  | { readonly type: 'look' | 'reload' | 'rest' }

/** The refresh of one page load. Times are those of {@link Sight.now}. */
export interface Refresh {
  readonly settings: RefreshSettings
  readonly told: readonly string[]
  readonly pending: readonly Command[]
  /** `auto`: by itself, once nothing forbids it; `asked`: by the user alone; `leaving`: under way. */
  readonly phase: 'auto' | 'asked' | 'leaving'
  /** When the user is asked. */
  readonly askAt: number
  /** Whether the question is put for what is pending. */
  readonly hasAsked: boolean
  readonly held: string
  /** Whether its user wants it, also if work would be lost. */
  readonly byUser: boolean
  /** Why the page is being looked at, if it is: because it is time, or because its user has just said so. */
  readonly looking: '' | 'moment' | 'consent'
  /** Looks that led nowhere, one after the other, and when the next one may be. */
  readonly looks: number
  readonly lookAt: number
}

/** How often waiting work is looked at, milliseconds. */
const CONSIDER_MS = 1_000
/** A page that is still there by then was not left: its user stayed, or the next one is slow to come, milliseconds. */
const STAYED_MS = 5_000
/** The first window for looking again, and the widest, milliseconds. */
const LOOK_MS = 1_000
const LOOK_MS_MAX = 300_000
/**
 * Looks that led nowhere before the user is asked where the page is refused, or before the tab goes where its build is named otherwise
 * than the releases: one and a half minutes; and before the tab gives up: eight hours or more.
 */
const REFUSALS_MAX = 6
const LOOKS_MAX = 120
/** The first window for reloading again where the build that comes cannot be told, milliseconds, and how often that may be. */
const TRY_MS = 30_000
const TRIES_MAX = 4
/** The version of a command that was given before any release: no build is meant. */
const UNRELEASED = 'unreleased'
/** "Later" is so many deadlines away. */
const LATER = 3

/** Identifies a command. Numbers start again on a server that lost its store; the epoch, or the release if the server sends no epoch, makes the key unique. */
export function keyOf({ id, version, epoch = '' }: Command): string {
  return `${epoch}${id ?? ''}:${version}`
}

/** Nothing is under way. */
export function newRefresh(settings: RefreshSettings): Refresh {
  return {
    settings, told: [], pending: [], phase: 'asked', askAt: Infinity, hasAsked: false, held: '', byUser: false, looking: '', looks: 0, lookAt: 0,
  }
}

type Draft = { -readonly [Field in keyof Refresh]: Refresh[Field] } & { readonly effects: RefreshEffect[] }

/** The step that `event` leads to. */
export function refreshed(before: Refresh, event: RefreshEvent, sight: Sight): readonly [Refresh, readonly RefreshEffect[]] {
  const draft: Draft = { ...before, effects: [] }
  happen(draft, event, sight)
  const { effects, ...after } = draft
  return [after, effects]
}

function happen(draft: Draft, event: RefreshEvent, sight: Sight): void {
  switch (event.type) {
    case 'told': return told(draft, event, sight)
    case 'considered': return consider(draft, false, sight)
    case 'navigated': return consider(draft, true, sight)
    case 'looked': return looked(draft, event, sight)
    case 'consented':
      draft.byUser = true
      if (!draft.looking) draft.effects.push({ type: 'rest' }, { type: 'look' })
      draft.looking = 'consent'
      break
    case 'later':
      draft.hasAsked = false
      draft.askAt = sight.now + LATER * draft.settings.deadline_ms
      return consider(draft, false, sight)
    case 'remembered': return leave(draft)
    case 'not-remembered':
      if (draft.byUser) return leave(draft)
      return askAnew(draft, sight)
    case 'stayed': return askAnew(draft, sight) // The page may have asked its user.
    case 'stopped':
      draft.pending = []
      draft.effects.push({ type: 'rest' })
  }
}

function leave(draft: Draft): void {
  const command = draft.pending.at(-1)
  draft.phase = 'leaving'
  if (command) draft.effects.push({ type: 'reloading', command })
  say(draft, 'reloading')
  draft.effects.push({ type: 'reload' })
  if (!draft.byUser) draft.effects.push({ type: 'wait', ms: STAYED_MS, until: 'stayed' })
  draft.byUser = false
}

function askAnew(draft: Draft, sight: Sight): void {
  draft.phase = 'asked'
  draft.hasAsked = false
  ask(draft, sight)
}

function told(draft: Draft, { command, force, tried }: Extract<RefreshEvent, { type: 'told' }>, sight: Sight): void {
  const { build, mode, deadline_ms } = draft.settings
  const key = keyOf(command)
  if (draft.told.includes(key)) return // After a reconnect, a server may say it again.
  draft.told = [...draft.told, key]
  if (tried && tried.build !== build) return say(draft, 'current', [command])
  const isForced = force && mode !== 'prompt'
  if (tried && !(isForced && command.version !== build && tried.tries < TRIES_MAX)) return stuck(draft, command, isForced, sight)
  draft.pending = [...draft.pending, command]
  draft.hasAsked = false
  draft.held = ''
  if (tried) say(draft, 'waiting', [command])
  if (!tried) draft.looks = draft.lookAt = 0 // It need not wait for what was tried.
  else if (draft.pending.length === 1) draft.lookAt = sight.now + between(TRY_MS * 2 ** (tried.tries - 1), sight.chance)
  if (isForced) {
    if (draft.phase === 'asked') draft.askAt = sight.now + deadline_ms
    draft.phase = 'auto'
    consider(draft, false, sight)
  } else if (draft.phase === 'asked') ask(draft, sight)
}

/** Whether a refresh that is under way happens now, is held by work, or waits for its moment. */
export function judge(mode: RefreshMode, hasNavigated: boolean, { reasons, isHidden, isOnline }: Sight): 'reload' | 'hold' | 'wait' {
  const isMoment = mode === 'now' || (mode === 'hidden' && isHidden) || (mode === 'navigation' && hasNavigated)
  if (!isMoment || !isOnline) return 'wait'
  return reasons.length > 0 ? 'hold' : 'reload'
}

function consider(draft: Draft, hasNavigated: boolean, sight: Sight): void {
  const command = draft.pending.at(-1)
  if (!command || draft.phase === 'leaving') return
  if (draft.looking) return
  if (draft.phase === 'auto' || draft.byUser) {
    const verdict = draft.byUser ? 'reload' : judge(draft.settings.mode, hasNavigated, sight)
    if (verdict === 'hold') hold(draft, command, sight)
    if (verdict === 'reload' && sight.now >= draft.lookAt) {
      draft.looking = 'moment'
      return void draft.effects.push({ type: 'rest' }, { type: 'look' })
    }
    if (verdict !== 'reload' && sight.now >= draft.askAt) ask(draft, sight)
  } else if (sight.now >= draft.askAt) ask(draft, sight)
  if (draft.phase === 'auto' || draft.byUser || !draft.hasAsked) draft.effects.push({ type: 'wait', ms: CONSIDER_MS, until: 'considered' })
}

function hold(draft: Draft, command: Command, { reasons }: Sight): void {
  const held = reasons.join()
  if (held === draft.held) return
  if (!draft.held) say(draft, 'held')
  draft.held = held
  draft.effects.push({ type: 'held', command, reasons })
}

/** Goes where that leads to another build, unless something would be lost that was not there before. */
function looked(draft: Draft, { answer, build }: Look, sight: Sight): void {
  const { settings: { mode, build: now }, looking, pending, byUser } = draft
  if (!looking) return
  draft.looking = ''
  const hasConsent = looking === 'consent'
  const isSame = build !== '' && build === now && pending.length > 0 && pending.every(({ version }) => version !== build && version !== UNRELEASED)
  // A build that is not a release may be the new one under another name, so it cannot be compared.
  const isOld = isSame && !(sight.isUnannounced && (hasConsent || draft.looks + 1 >= REFUSALS_MAX))
  if (isOld || answer === 'unwell' || (answer === 'refused' && !hasConsent)) return lookAgain(draft, answer, sight)
  if (hasConsent || (byUser ? sight.reasons.length === 0 : judge(mode, true, sight) === 'reload')) {
    draft.effects.push({ type: 'remember', commands: pending })
  } else if (byUser) {
    draft.byUser = false
    ask(draft, sight)
  } else consider(draft, false, sight)
}

function lookAgain(draft: Draft, answer: Look['answer'], sight: Sight): void {
  const command = draft.pending.at(-1)
  draft.looks++
  draft.lookAt = sight.now + between(Math.min(LOOK_MS_MAX, LOOK_MS * 2 ** draft.looks), sight.chance)
  draft.held = ''
  if (draft.byUser) draft.hasAsked = false // What its user asked was for then.
  if (command && draft.looks >= LOOKS_MAX) return stuck(draft, command, true, sight)
  // Its user may go there. The tab goes by itself once the page is well.
  const isTime = draft.looks === REFUSALS_MAX || (draft.looks > REFUSALS_MAX && sight.now >= draft.askAt)
  if (answer === 'refused' && isTime) ask(draft, sight)
  if (!draft.hasAsked) say(draft, 'waiting')
  draft.effects.push({ type: 'wait', ms: CONSIDER_MS, until: 'considered' })
}

/** It tried, and got the build that it has. What is left is its user, where that can help. */
function stuck(draft: Draft, command: Command, mayHelp: boolean, { reasons }: Sight): void {
  const { settings: { build } } = draft
  say(draft, 'stuck', [command])
  draft.effects.push({ type: 'stuck', command })
  if (mayHelp && command.version !== build) {
    draft.pending = [...draft.pending.filter((pending) => pending !== command), command]
    draft.hasAsked = true
    draft.effects.push({ type: 'prompt', command, reasons })
  }
}

function ask(draft: Draft, { reasons }: Sight): void {
  const command = draft.pending.at(-1)
  if (!command || draft.hasAsked) return
  draft.hasAsked = true
  draft.askAt = Infinity
  say(draft, 'prompted')
  draft.effects.push({ type: 'prompt', command, reasons })
}

function say(draft: Draft, outcome: Outcome, commands = draft.pending): void {
  for (const { id } of commands) if (id !== null) draft.effects.push({ type: 'acknowledge', id, outcome })
}

/** Somewhere in the upper half of a window, so that tabs that were told together do not come back together. */
function between(window_ms: number, chance: number): number {
  return Math.round(window_ms * (1 + chance) / 2)
}
