// Decides what the user did is work that a refresh would lose.
//
// Someone who did something on this page load has work there: typed, pasted, dropped or chose something, drew on a canvas, or moved
// something. It stays work when the field is taken off the page or emptied by a script, as editors, wizards and lists of chips do. It
// ends when the application says `saved`, when its form is reset, when its user puts back what was there, or, for what is no longer
// on the page, with the next navigation.
//
// Not work: reading, scrolling, clicking, selecting, and what scripts write where their user did nothing.
//
// An event is weighed once it is over: whether the page took it over (`defaultPrevented`) says what an editor did with a key.

import { closest, contains } from './composed.js'
import { bare, chose, ended, entered, gestured, look, pressed, pressedIn } from './gesture.js'
import { CHOOSES, edits, looks, PICKS, removes } from './keys.js'
import { isDrag, LOOKS_AROUND } from './moving.js'
import { begins, forget, isGone, isOfFilm, isReadOnly, isRich, isUsed, isVisible, knownOf, seeBy, touch, touched, valueOf, visited, visitOf, written, type Visit } from './visit.js'
import type { Done, Field, Note, Weigh } from './work.js'

export type { Visit } from './visit.js'

/** An editor draws within that time what was taken away or undone in it, milliseconds. */
const DRAWN_MS = 250
/** Fields that are chosen from, and not written into. */
const CHOSEN = 'select,[type=checkbox],[type=radio],[type=range],[type=color],[type^=date],[type=time],[type=month],[type=week]'

const BUTTONS = 'button,[role=button],[contenteditable=false]'

let hasBegun = false
let soon = 0
/** The canvas that was clicked last: it may hear keys through the page. */
let canvas: WeakRef<Field> | null = null

/** What was worked on, as far as it was weighed. */
export function worked(notes: Note[]): ReadonlySet<Visit> {
  weighAll(notes)
  look()
  lookEarlier()
  touched.forEach(undrawn)
  return touched
}

/** Takes what can be weighed off `notes`. */
export const weigh: Weigh = (notes, seeing) => {
  seeBy(seeing)
  if (!hasBegun) {
    hasBegun = true
    begin()
  }
  weighAll(notes)
  clearTimeout(soon)
  if (notes.length > 0) soon = window.setTimeout(weighAll, 0, notes)
}

function begin(): void {
  const press = (event: Event): void => {
    begins(location.search)
    const [origin] = event.composedPath() as (Node & Partial<Element>)[]
    if (origin) pressedIn(origin)
    if (event.type === 'pointerdown' || !origin?.closest?.('input,textarea,select,[contenteditable]')) pressed()
  }
  document.addEventListener('pointerdown', press, true)
  document.addEventListener('keydown', press, true)
}

/** What was taken away is back as it was, once an editor has drawn that. */
function undrawn(visit: Visit): void {
  const field = visit.ref.deref()
  if (visit.removes && !visit.passes && field && isRich(field) && field.isConnected && bare(valueOf(field)) === bare(visit.was)) touched.delete(visit)
}

/** What was typed before the client came, into the field that its user is in. */
function lookEarlier(): void {
  let field = document.activeElement as Field | null
  while (field?.shadowRoot?.activeElement) field = field.shadowRoot.activeElement
  if (!field?.matches('input,textarea') || knownOf(field) !== undefined || visited(field) || !navigator.userActivation?.hasBeenActive) return
  const was = written(field)
  if (valueOf(field) !== was && !isReadOnly(field)) touch(visitOf(field, { field, was }))
}

function weighAll(notes: Note[]): void {
  while (notes[0] && !(notes[0].event?.eventPhase)) {
    const [note] = notes.splice(0, 1)
    if (note?.event) happened(note)
    else if (note?.type === 'saved') saved(note.within)
    else {
      ended(() => true)
      for (const visit of touched) visit.mayGo = true
    }
  }
}

function saved(within: Node | undefined): void {
  look()
  ended((field) => !within || isOf(field, within))
  for (const visit of touched) {
    const field = visit.ref.deref()
    if (within && visit.form?.deref() !== within && !(field && isOf(field, within))) continue
    if (field?.isConnected) forget(visit, field)
    else visit.mayGo = true
  }
}

/** Whether a field is in there, or belongs to that form. */
function isOf(field: Field, within: Node): boolean {
  return field.form === within || contains(within, field)
}

function happened(done: Done): void {
  const { event: { type, isTrusted, defaultPrevented }, path: [origin], field } = done
  if (!origin || isFree(done)) return
  if (field) entered(field, type === 'focusin' ? done.from?.path : undefined)
  if (type === 'input' || type === 'change') return changed(done, origin)
  if (!isTrusted) return type === 'load' ? framed(origin) : undefined
  switch (type) {
    case 'focusin': return origin.editContext ? watchContext(origin) : undefined
    case 'load': return framed(origin)
    case 'click': return clicked(done, origin)
    case 'pointerup': return released(done)
    case 'dragend': return void (done.from && gestured(done.from, origin, false, null))
    case 'reset':
      if (!defaultPrevented) ended((field) => isReset(field, origin))
      if (!defaultPrevented) for (const visit of touched) {
        const field = visit.ref.deref()
        if (field && isReset(field, origin)) forget(visit, field)
      }
      return
    case 'pointerdown': return
    default: typed(done, origin)
  }
}

/** Whether the reset of `form` is one of this field: also in a custom element, whose fields belong to no form. */
function isReset(field: Field, form: Element): boolean {
  return field.form === form || field.getRootNode() !== form.getRootNode() && contains(form, field)
}

/** A key, or something that was pasted, cut out or dropped. What a field makes of it by itself comes as `input`. */
function typed(done: Done, origin: Field): void {
  const { event, field, value } = done
  const { type, defaultPrevented } = event
  const key = type === 'keydown' ? event as KeyboardEvent : null
  if (!field) return typedOutside(done, origin)
  const visit = visitOf(field, done)
  if (touched.has(visit) && value !== visit.now && (!isRich(field) || bare(value) === bare(visit.was) && !visit.removes)) visit.passes = true
  // The page wrote into it by the key itself.
  const isWritten = bare(valueOf(field)) !== bare(value) && (defaultPrevented ? !key || !isRich(field) || field.matches('[role=spinbutton]') || !looks(key)
    : key?.key === 'Enter' && (key.ctrlKey || key.metaKey))
  if (key && defaultPrevented) mayPass(undefined)
  const isEdit = !key || edits(key)
  if (!isWritten && (!defaultPrevented || !isEdit || isReadOnly(field))) return
  if (!isWritten && key?.key === 'Enter' && field.matches('input')) return // It sends the form, or chooses.
  visit.removes = isEdit && removes(event)
  visit.now = valueOf(field)
  if (!visit.removes && bare(visit.now) === bare(visit.was)) visit.passes = true
  touch(visit)
  drawSoon(visit)
}

function typedOutside(done: Done, origin: Field): void {
  const { event, from } = done
  const { type, defaultPrevented } = event
  const key = type === 'keydown' ? event as KeyboardEvent : null
  const choice = key && (chosen(done.path) ?? (origin.matches('[role=listbox]') ? origin : null))
  if (choice && PICKS.test(key.key)) return touch(visitOf(choice, done, 'form'))
  // In a list, other keys may only look around: whether they choose is said by the options.
  if (choice && !choice.matches('[role=option],[role=listbox]')) return void (CHOOSES.test(key.key) && touch(visitOf(choice, done, 'form')))
  const isChecked = key && defaultPrevented && PICKS.test(key.key) && origin.matches('[role=gridcell],td') && origin.querySelector('[type=checkbox],[aria-checked]')
  if (isChecked) return touch(visitOf(origin, done, 'form'))
  const isEdit = !key || edits(key)
  const heard = origin.matches('body') && defaultPrevented && key && isEdit ? canvas?.deref() : undefined
  if (heard?.isConnected) return touch(visitOf(heard, done))
  if (key && !origin.editContext && !origin.matches('canvas,[role=textbox]')) {
    if (from) gestured(from, origin, true)
  } else if (isEdit && (defaultPrevented || type !== 'cut') && !isReadOnly(origin)) touch(visitOf(origin, done))
}

function changed(done: Done, origin: Field): void {
  const { event: { type, isTrusted }, field, value, was } = done
  const isUsedHere = isUsed(field ?? origin)
  if (!isTrusted && !isUsedHere && !field?.matches('[type=file]')) return
  if (!field) {
    if (isTrusted || origin.localName.includes('-') || origin.matches('[role]')) touch(visitOf(origin, done))
    return
  }
  if (!isUsedHere && field.matches(':autofill')) return // By the browser, which will do so again.
  // Events of a `click()` by a script are trusted.
  if (!isUsedHere && !field.matches('[type=file]') && navigator.userActivation?.hasBeenActive === false) return
  if (field.matches('[type=range]') && isOfFilm(field)) return
  const visit = visitOf(field, done)
  const isSaid = type === 'change' && visit.step === value
  visit.step = type === 'input' ? value : null
  if (isSaid && !touched.has(visit)) return
  if (touched.has(visit) && value !== visit.now && (type === 'change' || was !== undefined && was !== visit.now && field.matches(CHOSEN))) visit.passes = true
  visit.now = value
  visit.removes = removes(done.event)
  if (bare(value) === bare(visit.was) && !visit.passes) touched.delete(visit)
  else touch(visit)
  drawSoon(visit)
}

/** Later than that, it is a script that empties an editor. */
function drawSoon(visit: Visit): void {
  if (visit.removes) setTimeout(() => {
    undrawn(visit)
    visit.removes = false
  }, DRAWN_MS)
}

/** A choice that is no field, or something that a script changed beside it. */
function clicked(done: Done, origin: Field): void {
  const { field, from } = done
  canvas = origin.matches('canvas') && !LOOKS_AROUND.test(getComputedStyle(origin).cursor) ? new WeakRef(origin) : null
  const isButton = !!closest(origin, BUTTONS)
  if (field && !isButton) return
  const choice = field ? null : chosen(done.path)
  if (choice) touch(visitOf(choice, done, 'form'))
  if (!closest(origin, 'label')) mayPass(field)
  if (from) gestured(from, origin, false)
}

/** A button or a key may have taken away what was chosen in a form that then serves for the next record. */
function mayPass(except: Field | undefined): void {
  for (const visit of touched) {
    const field = visit.ref.deref()
    if (field && field !== except && field.matches(CHOSEN)) visit.passes = true
  }
}

/** A pointer is let go: a choice, a drawing, or something that was moved. Not a selection, nor a look around. */
function released(done: Done): void {
  const { from, event, path } = done
  const start = from?.path?.[0]
  if (!start) return
  if (!isDrag(from, event as PointerEvent)) {
    // What is chosen when the pointer is pressed or let go may be gone before there is a click.
    const pressed = chosen(from.path)
    const choice = pressed && isGone(pressed) ? pressed : chosen(path)
    if (choice) chose(from, choice)
    return
  }
  const choice = chosen(from.path) ?? path.find((element) => element.matches?.('[role=option]'))
  if (choice) touch(visitOf(choice, done, 'form'))
  else if (start.matches?.('canvas')) {
    if (!LOOKS_AROUND.test(getComputedStyle(start).cursor)) touch(visitOf(start, done))
  } else if (!selects(start)) gestured(from, start, false, event as PointerEvent)
}

/** Whether the pointer that was pressed on `start` selects text: there, or in an editor that draws its selection itself and takes keys elsewhere. */
function selects(start: Field): boolean {
  const { activeElement, defaultView } = start.ownerDocument
  const selection = defaultView?.getSelection()
  if (selection?.isCollapsed === false && start.contains(selection.anchorNode)) return true
  return !!activeElement?.matches('input,textarea,[role=textbox]:not([contenteditable])') && (start === activeElement || !isVisible(activeElement) || activeElement.matches('[role=textbox]'))
}

/** What takes a choice and is no field. The slider of a film is for looking, and so is what a menu shows. */
function chosen(path: readonly Field[]): Field | null {
  const choice = path.find((element) => element.matches?.('[aria-checked]:not([role^=menuitem]),[role=option],[role=slider]'))
  return choice?.matches('[role=slider]') && isOfFilm(choice) ? null : choice ?? null
}

/** What came before in this frame was left by its user. */
function framed(frame: Element): void {
  for (const visit of touched) if (visit.frame === frame && visit.ref.deref()?.ownerDocument !== (frame as Partial<HTMLIFrameElement>).contentDocument) visit.mayGo = true
}

/** Text that an element takes without a field and without keys: composed, spoken, or pasted. */
function watchContext(origin: Field): void {
  if (visited(origin)) return
  const visit = visitOf(origin)
  origin.editContext?.addEventListener('textupdate', () => { if (!isReadOnly(origin)) touch(visit) })
}

/** Whether the application says that nothing is lost there. */
function isFree({ path }: Done): boolean {
  const frame = path[0]?.ownerDocument.defaultView?.frameElement
  return path.some((element) => element.getAttribute?.('data-headcount-hold') === 'false') || !!frame?.closest('[data-headcount-hold="false"]')
}
