// What a combobox shows beside its field.
//
// In many lists that are chosen from, the field is there to search, and what was chosen is a text beside it. The options may be anything
// there, so a choice is seen by that text: by what it was when its user came to the field, and what a press made of it.
//
// It counts while the field is empty, and where the press was on the combobox or its list was open: not when the list is opened.
//
// Deliberately absent: what was shown before this part was loaded, which is at the first press. A choice that is the first press is not seen.

import { touch, valueOf, visitOf } from './visit.js'
import type { Field } from './work.js'

const COMBOBOX = 'input[role=combobox],input[aria-haspopup=listbox]'
/** So far up it shows what was chosen, elements. */
const BOX_DEPTH = 4
/** What is no part of a combobox, or is more than one. */
const OUTSIDE = 'body,form,fieldset,label,td,li'
const OTHERS = 'a[href],input:not([type=hidden]),select,textarea,[contenteditable]'
/** Texts that tell of a choice, or are chosen from. */
const ASIDE = '[aria-live],[role=status],[role=alert],[role=listbox],style,script'

interface Shown {
  /** What is compared. */
  readonly box: Field
  text: string
  /** Whether the list was open when the pointer or the key was pressed, and whether that was in the box. */
  wasOpen: boolean
  wasInside: boolean
}

const all = new WeakMap<Field, Shown>()

/** Its user is in this field. */
export function comesTo(field: Field): void {
  if (all.has(field) || !field.matches(COMBOBOX)) return
  const box = boxOf(field)
  if (box) all.set(field, { box, text: textOf(box), wasOpen: isOpen(field), wasInside: false })
}

/** A pointer or a key is pressed at `origin`; their user was in `fields` before. */
export function pressedAt(origin: Node, fields: readonly Field[]): void {
  lookBeside(fields)
  for (const field of fields) {
    const shown = all.get(field)
    if (!shown) continue
    shown.wasOpen = isOpen(field)
    shown.wasInside = shown.box.contains(origin)
  }
}

/** What is shown in the place of something else is a choice. */
export function lookBeside(fields: readonly Field[]): void {
  for (const field of fields) {
    const shown = all.get(field)
    if (!shown || field.value) continue
    const { box, text, wasOpen, wasInside } = shown
    shown.text = textOf(box)
    if (shown.text === text || !(wasOpen || wasInside && !isOpen(field))) continue
    const visit = visitOf(box, { field: box, was: valueOf(box) })
    visit.now = valueOf(box)
    touch(visit)
  }
}

/** What was saved or left is not compared any more. */
export function endedBeside(fields: readonly Field[], which: (field: Field) => boolean): void {
  for (const field of fields) {
    const shown = all.get(field)
    if (shown && which(field)) shown.wasOpen = shown.wasInside = false
  }
}

/** The nearest element around `field` that shows a text, or, as long as none does, the largest that is nothing else. */
function boxOf(field: Field): Field | null {
  let box = null
  for (let outer = field.parentElement, depth = 0; outer && depth < BOX_DEPTH; depth++, outer = outer.parentElement) {
    if (outer.matches(OUTSIDE) || Array.from(outer.querySelectorAll(OTHERS)).some((other) => other !== field)) break
    box = outer
    if (textOf(outer)) break
  }
  return box
}

function textOf(box: Element): string {
  return textsOf(box).join('').trim()
}

function textsOf(element: Element): string[] {
  return Array.from(element.childNodes).flatMap((node) => node.nodeType === Node.TEXT_NODE ? node.nodeValue ?? ''
    : 'matches' in node && !(node as Element).matches(ASIDE) ? textsOf(node as Element) : [])
}

function isOpen(field: Field): boolean {
  return field.matches('[aria-expanded=true]')
}
