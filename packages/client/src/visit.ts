// What its user worked on, and what is known of it.

import { closest, hostOf } from './composed.js'
import type { Done, Field, Seeing } from './work.js'

/** A field that its user changed, or something else that they worked on. */
export interface Visit {
  /** Weak, so that a long-lived page does not keep fields that it removed. */
  readonly ref: WeakRef<Field>
  readonly reason: 'form' | 'work'
  /** What was there before, and what its user left there. */
  was: string
  now: string
  /** When it was last worked on, by `performance.now()`. */
  at: number
  /** The query of the address when its user began, if that was seen. */
  query: string | undefined
  /** Whether it is work only while it is on the page. */
  mayGo: boolean
  /** Whether a script takes what is typed away to somewhere else: then an empty field does not mean that nothing was typed. */
  passes: boolean
  /** Whether what was done last takes something away. */
  removes: boolean
  /** What the last `input` left there: the `change` that follows says the same once more. */
  step: string | null
  /** The frame that it is in. */
  readonly frame: Element | null
  /** The form that it was in when its user began: a wizard takes its steps off the page. */
  readonly form: WeakRef<Element> | undefined
}

let see: Seeing = { valueOf: () => '', used: new WeakSet(), known: new WeakMap() }
let query: string | undefined

/** What the bundles of one page share. */
interface Shared {
  readonly visits: WeakMap<Field, Visit>
  /** What counts, the latest last. */
  readonly touched: Set<Visit>
}

// Of the page and not of one bundle: a client that follows a closed one of another bundle must know what was typed before it. The
// number is that of {@link Visit}; it rises when later code could not read it.
const KEY = Symbol.for('headcount.work.1')
const { visits, touched } = (globalThis as { [KEY]?: Shared })[KEY] ??= { visits: new WeakMap(), touched: new Set() }
export { touched }

/** Sees by `seeing` from now on. */
export function seeBy(seeing: Seeing): void {
  see = seeing
}

/** A click or a key begins. */
export function begins(search: string): void {
  query = search
}

export const valueOf = (field: Field): string => see.valueOf(field)
export const isUsed = (field: Element): boolean => see.used.has(field)
export const knownOf = (field: Field): string | undefined => see.known.get(field)
export const visited = (field: Field): Visit | undefined => visits.get(field)

/** What was written in the page, if that can be told. */
export function written({ defaultChecked, defaultValue }: Field): string {
  return `${defaultChecked} ${defaultValue}`
}

/** What is known of `field`. */
export function visitOf(field: Field, done?: Pick<Done, 'field' | 'was'>, reason: Visit['reason'] = done?.field ? 'form' : 'work'): Visit {
  let visit = visits.get(field)
  if (!visit) {
    const frame = field.ownerDocument.defaultView?.frameElement ?? null
    const form = field.form ?? closest(field, 'form')
    visits.set(field, visit = {
      ref: new WeakRef(field), reason, was: '', now: '', at: 0, query, mayGo: false, passes: false, removes: false, step: null, frame, form: form ? new WeakRef(form) : undefined,
    })
  }
  if (done && !touched.has(visit)) {
    visit.was = visit.now = done.was ?? written(field)
    visit.query = query
    visit.passes = visit.removes = false
  }
  return visit
}

export function touch(visit: Visit): void {
  touched.delete(visit)
  touched.add(visit)
  visit.at = performance.now()
  visit.mayGo = false
}

export function forget(visit: Visit, field: Field): void {
  visit.was = visit.now = valueOf(field)
  visit.step = null
  touched.delete(visit)
}

export function isReadOnly(field: Field): boolean {
  return field.matches('[readonly],[aria-readonly=true],[contenteditable=false]')
}

/** A field that is smaller takes keys for something else on the page, pixels. */
const VISIBLE_PX = 8

export function isVisible(field: Element): boolean {
  const { offsetWidth, offsetHeight } = field as HTMLElement
  return Math.min(offsetWidth, offsetHeight) >= VISIBLE_PX
}

/** Whether it is off the page, or hidden there. */
export function isGone(element: Element): boolean {
  return !element.isConnected || element.getClientRects().length === 0
}

/** Text with formats. */
export function isRich(field: Field): boolean {
  return !field.matches('input,textarea,select')
}

const FILMS = 'video,audio'
/** So far up the parts of a player are together, elements. */
const PLAYER_DEPTH = 6

/** Whether a control is a part of a player of films or sounds: a slider for looking around in it. */
export function isOfFilm(control: Element): boolean {
  let part: Element | null = control
  for (let depth = 0; part && depth < PLAYER_DEPTH; depth++) {
    const beside = [part, part.previousElementSibling, part.nextElementSibling]
    if (beside.some((element) => element?.matches(FILMS) ?? false) || part.querySelector(FILMS)) return true
    part = part.parentElement ?? hostOf(part) ?? null
    if (part?.matches('form,main,body')) break
  }
  return control.matches('[role=slider]') && !!control.ownerDocument.querySelector(FILMS)
}
