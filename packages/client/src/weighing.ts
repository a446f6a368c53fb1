// What of all that its user did is work that a refresh would lose.
//
// Someone who did something on this page load has work there: typed, pasted, dropped or chose something, drew on a canvas, or moved
// something. It stays work when the field is taken off the page or emptied by a script, as editors, wizards and lists of chips do. It
// ends when the application says `saved`, when its form is reset, when its user puts back what was there, or, for what is no longer
// on the page, with the next navigation.
//
// Not work: reading, scrolling, clicking, selecting, and what scripts write where their user did nothing.
//
// An event is weighed once it is over: whether the page took it over (`defaultPrevented`) says what an editor did with a key.

import type { Done, Field, Note, Seeing, Weigh } from './work.js'

/** A field that its user changed, or something else that they worked on. */
export interface Visit {
  /** Weak, so that what is gone for good does not pile up with the page's life. */
  readonly ref: WeakRef<Field>
  readonly reason: 'form' | 'work'
  /** What was there before, and what its user left there. */
  was: string
  now: string
  /** When it was last worked on, by `performance.now()`. */
  at: number
  /** Whether it is work only while it is on the page. */
  mayGo: boolean
  /** Whether a script takes what is typed away to somewhere else: then an empty field does not mean that nothing was typed. */
  passes: boolean
  /** Whether what was done last takes something away. */
  removes: boolean
  /** The frame that it is in. */
  readonly frame: Element | null
}

/** Keys that change a text. */
const EDITS = ['Backspace', 'Delete', 'Enter', 'Process']
/** Those that do so with Control or Command, where the page has a use for them. */
const EDITS_WITH_CONTROL = /^[bdikuvxyz/]$/i
/** Keys that choose. */
const CHOOSES = /^(?: |Enter|Arrow.*|Home|End|Page.*)$/
/** Looking around: a map, a chart, or the hand of a drawing program. */
const LOOKS_AROUND = /grab|zoom|all-scroll/

let see: Seeing = { valueOf: () => '', used: new WeakSet(), known: new WeakMap() }
const valueOf = (field: Field): string => see.valueOf(field)
let hasBegun = false
/** The editor that its user was in last, and what was in it when the pointer was pressed. */
let last: WeakRef<Field> | null = null
let before: string | null = null
const visits = new WeakMap<Field, Visit>()
const touched = new Set<Visit>()

/** What was worked on, as far as it was weighed. */
export function worked(notes: Note[]): ReadonlySet<Visit> {
  weighAll(notes)
  lookEarlier()
  for (const visit of touched) {
    const field = visit.ref.deref()
    // An editor may have drawn what it undid only now.
    if (visit.removes && !visit.passes && field && isRich(field) && field.isConnected && valueOf(field) === visit.was) touched.delete(visit)
  }
  return touched
}

/** Takes what can be weighed off `notes`. */
export const weigh: Weigh = (notes, seeing) => {
  see = seeing
  if (!hasBegun) {
    hasBegun = true
    begin()
  }
  weighAll(notes)
}

function begin(): void {
  document.addEventListener('pointerdown', () => {
    const field = last?.deref()
    before = field?.isConnected ? valueOf(field) : null
  }, true)
}

/** What was typed before the client came, into the field that its user is in. */
function lookEarlier(): void {
  const field = document.activeElement as Field | null
  if (!field || field.defaultValue === undefined || see.known.has(field) || visits.has(field) || !navigator.userActivation?.hasBeenActive) return
  const was = written(field)
  if (valueOf(field) !== was && !isReadOnly(field)) touch(visitOf(field, { field, was }), { at: performance.now() })
}

/** What was written in the page, if that can be told. */
function written({ defaultChecked, defaultValue }: Field): string {
  return `${defaultChecked} ${defaultValue}`
}

function weighAll(notes: Note[]): void {
  while (notes[0] && !(notes[0].event?.eventPhase)) {
    const [note] = notes.splice(0, 1)
    if (note?.event) happened(note)
    else if (note?.type === 'saved') saved(note.within)
    else for (const visit of touched) visit.mayGo = true
  }
}

function saved(within: Node | undefined): void {
  for (const visit of touched) {
    const field = visit.ref.deref()
    if (within && !(field && within.contains(field))) continue
    if (field?.isConnected) forget(visit, field)
    else visit.mayGo = true
  }
}

function happened(done: Done): void {
  const { event: { type, isTrusted, defaultPrevented }, path: [origin], field } = done
  if (!origin || isFree(done)) return
  if (field) last = isRich(field) ? new WeakRef(field) : null
  if (type === 'input' || type === 'change') return changed(done, origin)
  if (!isTrusted) return type === 'load' ? framed(origin) : undefined
  switch (type) {
    case 'focusin': return origin.editContext ? watchContext(origin) : undefined
    case 'load': return framed(origin)
    case 'click': return clicked(done, origin)
    case 'pointerup': return dragged(done, origin)
    case 'reset':
      if (!defaultPrevented) for (const visit of touched) {
        const field = visit.ref.deref()
        if (field?.form === origin) forget(visit, field)
      }
      return
    case 'pointerdown': return
    default: typed(done, origin)
  }
}

/** A key, or something that was pasted, cut out or dropped. What a field makes of it by itself comes as `input`. */
function typed(done: Done, origin: Field): void {
  const { event, field, value } = done
  const { type, defaultPrevented } = event
  const isEdit = type !== 'keydown' || edits(event as KeyboardEvent)
  if (!field) {
    const choice = chosen(origin)
    if (choice && type === 'keydown') return void (CHOOSES.test((event as KeyboardEvent).key) && touch(visitOf(choice, done, 'form'), done))
    if (type === 'keydown' && !origin.editContext && !origin.matches('canvas,[role=textbox]')) return
    if (isEdit && (defaultPrevented || type !== 'cut') && !isReadOnly(origin)) touch(visitOf(origin, done), done)
    return
  }
  const visit = visitOf(field, done)
  if (touched.has(visit) && value !== visit.now && (!isRich(field) || value === visit.was && !visit.removes)) visit.passes = true
  if (!defaultPrevented || !isEdit || isReadOnly(field)) return
  if ((event as KeyboardEvent).key === 'Enter' && field.matches('input')) return // It sends the form, or chooses.
  visit.removes = removes(event)
  visit.now = valueOf(field)
  if (!visit.removes && visit.now === visit.was) visit.passes = true
  touch(visit, done)
}

function changed(done: Done, origin: Field): void {
  const { event: { type, isTrusted }, field, value } = done
  const isUsed = see.used.has(field ?? origin)
  if (!isTrusted && !isUsed && !field?.matches('[type=file]')) return
  if (!field) {
    if (isTrusted || origin.localName.includes('-') || origin.matches('[role]')) touch(visitOf(origin, done), done)
    return
  }
  if (!isUsed && field.matches(':autofill')) return // By the browser, which will do so again.
  const visit = visitOf(field, done)
  if (type === 'change' && touched.has(visit) && value !== visit.now) visit.passes = true
  visit.now = value
  visit.removes = removes(done.event)
  if (value === visit.was && !visit.passes) touched.delete(visit)
  else touch(visit, done)
}

/** A choice that is no field, or a button beside an editor. */
function clicked(done: Done, origin: Field): void {
  if (done.field) return
  const choice = chosen(origin)
  if (choice) touch(visitOf(choice, done, 'form'), done)
  const editor = last?.deref()
  if (!editor?.isConnected || before === null || valueOf(editor) === before) return
  const visit = visitOf(editor, { field: editor, was: before })
  visit.now = valueOf(editor)
  visit.removes = false
  touch(visit, done)
}

/** A drawing, or something that was moved: not a selection, nor a look around. */
function dragged(done: Done, origin: Field): void {
  const { defaultView } = origin.ownerDocument
  const [start] = done.from?.path ?? []
  if (!defaultView || !start) return
  const choice = chosen(start)
  if (choice) touch(visitOf(choice, done, 'form'), done)
  else if (origin.matches('canvas')) {
    if (start === origin && !LOOKS_AROUND.test(defaultView.getComputedStyle(origin).cursor)) touch(visitOf(origin, done), done)
  } else if (isMoved(done) && !selects(origin.ownerDocument)) touch(visitOf(start, done), done)
}

/** Whether what was under the pointer is somewhere else now. */
function isMoved({ from }: Done): boolean {
  const path = from?.path ?? []
  const end = path.findIndex((element) => element.localName === 'body')
  return path.slice(0, Math.max(0, end - 1)).some((element, index) => {
    const parent = path[index + 1]
    return !!parent?.matches && !!element.matches && !element.assignedSlot && (element.parentNode !== parent || element.nextElementSibling !== from?.nexts[index])
  })
}

function selects({ activeElement, defaultView }: Document): boolean {
  return defaultView?.getSelection()?.isCollapsed === false || !!activeElement?.matches('input,textarea,[contenteditable],[role=textbox]')
}

/** What takes a choice and is no field. The slider of a film is for looking. */
function chosen(origin: Field): Field | null {
  const choice = origin.closest<Field>('[aria-checked],[role=option],[role=slider]')
  return choice?.matches('[role=slider]') && choice.ownerDocument.querySelector('video,audio') ? null : choice
}

/** What came before in this frame was left by its user. */
function framed(frame: Element): void {
  for (const visit of touched) if (visit.frame === frame && visit.ref.deref()?.ownerDocument !== (frame as Partial<HTMLIFrameElement>).contentDocument) visit.mayGo = true
}

/** Text that an element takes without a field and without keys: composed, spoken, or pasted. */
function watchContext(origin: Field): void {
  if (visits.has(origin)) return
  const visit = visitOf(origin)
  origin.editContext?.addEventListener('textupdate', () => { if (!isReadOnly(origin)) touch(visit, { at: performance.now() }) })
}

function edits({ key, altKey, ctrlKey, metaKey, defaultPrevented }: KeyboardEvent): boolean {
  if (ctrlKey || metaKey) return defaultPrevented && EDITS_WITH_CONTROL.test(key)
  if (altKey && key.startsWith('Arrow')) return defaultPrevented // Moves a line.
  return key.length === 1 || EDITS.includes(key)
}

function removes(event: Event): boolean {
  const { inputType = '', key = '', type, ctrlKey, metaKey } = event as InputEvent & KeyboardEvent
  return type === 'cut' || /^(?:delete|history)/.test(inputType) || /^(?:Backspace|Delete)$/.test(key) || ((ctrlKey || metaKey) && /^[xyz]$/i.test(key))
}

/** Whether the application says that nothing is lost there. */
function isFree({ path }: Done): boolean {
  const frame = path[0]?.ownerDocument.defaultView?.frameElement
  return path.some((element) => element.getAttribute?.('data-headcount-hold') === 'false') || !!frame?.closest('[data-headcount-hold="false"]')
}

function isReadOnly(field: Field): boolean {
  return field.matches('[readonly],[aria-readonly=true],[contenteditable=false]')
}

function isRich(field: Field): boolean {
  return !('value' in field)
}

/** What is known of `field`. */
function visitOf(field: Field, done?: Pick<Done, 'field' | 'was'>, reason: Visit['reason'] = done?.field ? 'form' : 'work'): Visit {
  let visit = visits.get(field)
  if (!visit) {
    const frame = field.ownerDocument.defaultView?.frameElement ?? null
    visits.set(field, visit = { ref: new WeakRef(field), reason, was: '', now: '', at: 0, mayGo: false, passes: false, removes: false, frame })
  }
  if (done && !touched.has(visit)) {
    visit.was = visit.now = done.was ?? written(field)
    visit.passes = visit.removes = false
  }
  return visit
}

function touch(visit: Visit, { at }: Pick<Done, 'at'>): void {
  touched.delete(visit)
  touched.add(visit)
  visit.at = at
  visit.mayGo = false
}

function forget(visit: Visit, field: Field): void {
  visit.was = valueOf(field)
  touched.delete(visit)
}
