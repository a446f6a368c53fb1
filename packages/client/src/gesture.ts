// A click, a drag, or a key outside of fields, and what it changed beside itself: the text of an editor, a custom control, the order of
// a list.
//
// Scripts answer late: with an animation, or from a server. So the page is compared when the event is over, when the next one begins, and
// when a refresh asks. A save in between ends the comparison.

import { closest } from './composed.js'
import { isMoved, type Drop } from './moving.js'
import { comesTo, endedBeside, lookBeside, pressedAt } from './shown.js'
import { isGone, isOfFilm, isReadOnly, isRich, isUsed, isVisible, knownOf, touch, touched, valueOf, visited, visitOf } from './visit.js'
import type { Field, From } from './work.js'

/** Where fields are remembered that its user was in, at most. */
const FIELDS_MAX = 50
/** So far up the parts of a control are together, elements. */
const CONTROL_DEPTH = 3
/** Where a choice for a field is made. */
const PICKS = '[role=gridcell],[role=option],[role=treeitem],[role=menuitem]'
const CONTROLS = '[aria-checked],[role=slider],[role=spinbutton],[role=combobox],[role=gridcell],td,[role=option]'
const CHOICES = 'select,[type=checkbox],[type=radio],[type=file]'
/** What an element says of itself, in its own tag. */
const SAYS = /\saria-(?:checked|selected|valuenow)="[^"]*"/g
/** Keys that look around take the selection along: what they leave is no choice. */
const LEFT = ':is([role=option],[role=gridcell],td):not([aria-selected=true],[aria-checked=true])'

/** So far up is the box around a field, elements. */
const BOX_DEPTH = 2
const OUTSIDE = 'body,form,fieldset,label,td,li'
/** Fields that a click beside them led to. */
const led = new WeakSet<Field>()

interface Gesture {
  readonly from: From
  readonly origin: Field
  readonly isKey: boolean
  /** What it may have changed, and what was there. */
  readonly states: Map<Field, string>
  drop: Drop | undefined
  /** What was pressed or let go on and takes a choice: it was made if that goes. */
  choice: Field | null
}

const fields = new Set<WeakRef<Field>>()
let gesture: Gesture | null = null
let begun: [from: From | undefined, states: Map<Field, string>] | null = null

/** Its user is in this field. */
export function entered(field: Field, pressed?: readonly Field[]): void {
  // A click on the box around it may have led there: the arrow between the two fields of a range.
  for (let box = field.parentElement, depth = 0; box && depth < BOX_DEPTH && !box.matches(OUTSIDE); depth++, box = box.parentElement) if (pressed?.includes(box)) led.add(field)
  for (const ref of fields) if (!ref.deref() || ref.deref() === field) fields.delete(ref)
  for (const oldest of fields.add(new WeakRef(field))) if (fields.size > FIELDS_MAX) fields.delete(oldest)
  comesTo(field)
}

/** A pointer or a key is pressed, also inside of a field. */
export function pressedIn(origin: Node): void {
  pressedAt(origin, live())
}

/** A pointer or a key is pressed: what is in the fields that its user was in. */
export function pressed(): void {
  look()
  gesture = null
  begun = [undefined, new Map(live().map((field) => [field, valueOf(field)]))]
}

/** It became a click, a key that the page may use, or with `drop` a drag. */
export function gestured(from: From, origin: Field, isKey: boolean, drop?: Drop): void {
  if (!from.path) return
  if (gesture?.from !== from) gesture = { from, origin, isKey, states: statesAt(from), drop: undefined, choice: null }
  if (drop !== undefined) gesture.drop = drop
  look()
}

/** The pointer was pressed or let go on something that takes a choice. */
export function chose(from: From, choice: Field): void {
  gestured(from, choice, false)
  if (gesture) gesture.choice = choice
  look()
}

function statesAt(from: From): Map<Field, string> {
  const states = begun && !begun[0] ? begun[1] : new Map<Field, string>()
  if (begun) begun[0] = from
  for (const field of live()) {
    const before = touchedNow(field) ?? knownOf(field)
    if (!states.has(field) && before !== undefined) states.set(field, before)
  }
  for (const [field, state] of from.states ?? []) states.set(field, state)
  return states
}

function touchedNow(field: Field): string | undefined {
  const visit = visited(field)
  return visit && touched.has(visit) ? visit.now : undefined
}

function live(): Field[] {
  return Array.from(fields, (ref) => ref.deref()).filter((field) => field !== undefined).filter(({ isConnected }) => isConnected)
}

/** What was saved, reset or left is not compared any more, wherever the page puts it now. */
export function ended(which: (field: Field) => boolean): void {
  for (const states of [gesture?.states, begun?.[1]]) for (const field of states?.keys() ?? []) if (which(field)) states?.delete(field)
  if (gesture && which(gesture.origin)) gesture = null
  endedBeside(live(), which)
}

/** What is different by now is work. */
export function look(): void {
  lookBeside(live())
  if (!gesture) return
  const { from, origin, isKey, states, choice } = gesture
  if (choice && isGone(choice)) {
    gesture.choice = null
    touch(visitOf(choice, { field: choice, was: knownOf(choice) ?? valueOf(choice) }, 'form'))
  }
  for (const [field, before] of states) {
    if (!field.isConnected || !isChanged(field, before, isKey)) continue
    states.set(field, valueOf(field))
    if (!mayChange(field, gesture)) continue
    const visit = visitOf(field, { field, was: before }, isRich(field) && !field.matches(CONTROLS) ? 'work' : 'form')
    visit.now = valueOf(field)
    visit.removes = false
    if (touched.has(visit) && visit.now === visit.was) visit.passes = true
    touch(visit)
  }
  const drop = isKey ? null : gesture.drop
  if (drop === undefined || !isMoved(from, drop)) return
  gesture.drop = undefined
  if (!isKey) touch(visitOf(from.path[0] ?? origin))
  else {
    touch(visitOf(origin))
    gesture = null
  }
}

function isChanged(field: Field, before: string, isKey: boolean): boolean {
  const now = valueOf(field)
  if (now === before || visited(field)?.now === now) return false
  if (field.matches('[contenteditable],textarea,input,select')) return bare(now) !== bare(before)
  return texts(now) !== texts(before) || says(now) !== says(before) && !(isKey && field.matches(LEFT))
}

/** Whether a change there comes from what its user did. */
function mayChange(field: Field, { origin, from, isKey }: Gesture): boolean {
  if (field.matches('[contenteditable=false],[role^=menuitem]')) return false
  if (field.matches(CHOICES)) {
    if (closest(origin, 'label') || field.contains(origin)) return false
    return !!origin.closest('tr,li,[role=row]')?.contains(field) || field.matches('[aria-checked]') && isBeside(origin, field)
  }
  if (!isRich(field)) {
    if (field.matches('[aria-valuenow],[role=spinbutton]') && isBeside(origin, field)) return !isOfFilm(field)
    return (isUsed(field) || led.has(field) || !!closest(origin, PICKS)) && isVisible(field)
  }
  if (field.matches('[contenteditable]')) return !from.path.includes(field) || !!closest(origin, 'button,[role=button],[contenteditable=false]')
  if (isReadOnly(field)) return false
  if (field.matches('[role=option]')) return !!closest(origin, '[role=listbox]')
  if (field.matches('[role=gridcell],td')) return isKey && field.contains(origin)
  if (field.matches('[role=slider]')) return !isOfFilm(field)
  // What keeps the focus while something else is clicked belongs to it: options of a list that say nothing of themselves.
  return field.matches(CONTROLS) || !isKey && field.matches(':focus:not([role])') && !field.contains(origin)
}

/** Whether both are parts of one control: a rail and its thumb, a number and its buttons. */
function isBeside(origin: Element, field: Element): boolean {
  let inner = field
  for (let depth = 0; depth < CONTROL_DEPTH; depth++) {
    const whole = inner.parentElement
    if (!whole || whole.matches('body,form')) break
    if (whole.contains(origin)) return true
    inner = whole
  }
  return [inner.previousElementSibling, inner.nextElementSibling].some((neighbour) => neighbour?.contains(origin))
}

/** Without the own tag of an editor, which says who is in it. */
export function bare(state: string): string {
  return state.replace(/^(\w* )<[^>]*>/, '$1')
}

/** What a control says of itself. */
function says(state: string): string | undefined {
  const [tag = ''] = /<[^>]*>/.exec(state) ?? []
  return tag.match(SAYS)?.join()
}

/** What it shows. */
function texts(state: string): string {
  return state.replace(/<[^>]*>/g, '')
}
