// What a refresh would cost the person in front of this tab.
//
// Someone who did something on this page load has work there: typed, pasted, dropped or chose something, or drew on a canvas. It
// stays work when the field is taken off the page or emptied by a script, as editors, wizards and lists of chips do. It ends when
// the application says `saved`, when its form is reset, when its user puts back what was there, or, for what is no longer on the
// page, with the next navigation.
//
// Not work: reading, scrolling, clicking, what scripts write, and, a minute after the last key, what stands in a search field.

/** Keeps track of work that a refresh would lose. What of it still counts is judged in `standing.ts`. */
export interface Work {
  /** What holds every refresh, in words. */
  readonly holds: () => string[]
  /** What was worked on. */
  readonly touched: ReadonlySet<Visit>
  /** Holds every refresh until the function that it returns is called. */
  readonly hold: (reason: string) => () => void
  /** What was done is saved: in `within`, or everywhere. */
  readonly saved: (within?: Node) => void
  /** Whether its user opened or used this dialog. */
  readonly isCalled: (dialog: Element) => boolean
  /** The page shows something else: what is gone from it, or goes now, is no work any more. */
  readonly navigated: () => void
}

/** What is on a hold that gives no reason. */
const UNNAMED = 'hold'
/** Elements that take keys without being fields. */
const TAKES_KEYS = 'canvas,[role=textbox]'
/** A pointer that moves less clicks, pixels. */
const DRAG_PX = 4

/** A field that its user came to and its value then, or something else that they worked on. `at` is that of `performance.now()`. */
export interface Visit {
  /** Weak, so that what is gone for good does not pile up with the page's life. */
  readonly ref: WeakRef<Field>
  readonly reason: 'form' | 'work'
  was: string
  /** When it was last worked on. */
  at: number
  /** Whether it is work only while it is on the page. */
  mayGo: boolean
}

// Of the page and not of one watch: a client that follows another must know what was typed before it.
const visits = new WeakMap<Field, Visit>()
const touched = new Set<Visit>()
/** Dialogs that were open before their user did anything. */
const uncalled = new WeakSet<Element>()
let hasActed = false

/** Watches `document` until `signal` ends it. `began` hears of the first work. */
export function watchWork(document: Document, began: () => void, signal: AbortSignal): Work {
  const holds = new Set<{ readonly reason: string }>()
  let hasBegun = false

  function touch(visit: Visit): void {
    touched.delete(visit)
    touched.add(visit)
    visit.at = performance.now()
    visit.mayGo = false
    if (!hasBegun) began()
    hasBegun = true
  }

  watchEvents(document, touch, signal)

  return {
    holds: () => Array.from(holds, ({ reason }) => reason),
    touched,
    hold(reason) {
      const hold = { reason: reason || UNNAMED }
      holds.add(hold)
      return () => { holds.delete(hold) }
    },
    saved(within) {
      for (const visit of touched) {
        const field = visit.ref.deref()
        if (within && !(field && within.contains(field))) continue
        if (field?.isConnected) forget(visit, field)
        else visit.mayGo = true
      }
    },
    isCalled: (dialog) => hasActed && !uncalled.has(dialog) && !isFree(dialog),
    navigated() {
      for (const visit of touched) visit.mayGo = true
    },
  }
}

/** What may be worked on. One without `value` is text that can be edited. */
export type Field = Element & Partial<Pick<HTMLInputElement, 'checked' | 'defaultChecked' | 'defaultValue'> & Pick<HTMLSelectElement, 'options'>> & { value?: unknown; editContext?: unknown }

function watchEvents(document: Document, touch: (visit: Visit) => void, signal: AbortSignal): void {
  let from: PointerEvent | null = null
  const act = (event: Event, origin: Field): void => {
    if (!hasActed) for (const dialog of document.querySelectorAll('dialog[open]')) uncalled.add(dialog)
    hasActed ||= event.isTrusted
    const dialog = origin.closest('dialog')
    if (dialog) uncalled.delete(dialog)
  }
  const work = (event: Event, origin: Field): void => { if (event.isTrusted) touch(visitOf(origin, '', 'work')) }
  const acts: Record<string, (event: Event, origin: Field, field: Field | null) => void> = {
    focusin(_event, _origin, field) { if (field) visitOf(field, valueOf(field)) },
    input(event, origin, field) {
      if (!field) return work(event, origin)
      // One that changed before it was seen being entered: by what was written in the page, if that can be told.
      const visit = visitOf(field, textOf(field.defaultChecked, field.defaultValue))
      if (valueOf(field) === visit.was) touched.delete(visit)
      else touch(visit)
    },
    paste(event, origin, field) { if (!field) work(event, origin) },
    keydown(event, origin) {
      const { key, ctrlKey, metaKey } = event as KeyboardEvent
      act(event, origin)
      if (key.length === 1 && !ctrlKey && !metaKey && (origin.editContext || origin.matches(TAKES_KEYS))) work(event, origin)
    },
    pointerdown(event, origin) {
      act(event, origin)
      from = event as PointerEvent
    },
    pointerup(event, origin) {
      const { clientX, clientY } = event as PointerEvent
      if (from && from.target === event.target && origin.matches('canvas') && Math.hypot(clientX - from.clientX, clientY - from.clientY) >= DRAG_PX) work(event, origin)
      from = null
    },
    reset(_event, origin) {
      for (const visit of touched) {
        const field = visit.ref.deref()
        if (field && origin.contains(field)) forget(visit, field)
      }
    },
    load(_event, origin) { watchFrame(origin) },
  }
  acts['change'] = acts['input'] as never
  acts['drop'] = acts['paste'] as never
  const watch = (document: Document): void => {
    for (const name in acts) {
      document.addEventListener(name, (event) => {
        const origin = event.composedPath()[0] as Field
        if ('closest' in origin && !isFree(origin)) acts[name]?.(event, origin, origin.closest<Field>('input, textarea, select, [contenteditable]'))
      }, { capture: true, signal })
    }
    document.querySelectorAll('iframe').forEach(watchFrame)
  }
  const watchFrame = (frame: Element): void => {
    const inner = (frame as Partial<HTMLIFrameElement>).contentDocument // Of no other element, and null where it may not be seen.
    if (inner) watch(inner)
  }
  watch(document)
}

/** Whether the application says that nothing is lost there. */
function isFree(element: Element): boolean {
  return !!element.closest('[data-headcount-hold="false"]')
}

/** What is known of `field`; `value`, if nothing was. */
function visitOf(field: Field, value: string, reason: Visit['reason'] = 'form'): Visit {
  const visit = visits.get(field) ?? { ref: new WeakRef(field), reason, was: value, at: 0, mayGo: false }
  visits.set(field, visit)
  return visit
}

function forget(visit: Visit, field: Field): void {
  visit.was = valueOf(field)
  touched.delete(visit)
}

function valueOf({ checked, innerHTML, options, value }: Field): string {
  if (options) return Array.from(options).flatMap((option) => option.selected ? option.value : []).join('\n')
  return textOf(checked, typeof value === 'string' ? value : innerHTML) // That of a list item is a number.
}

/** Of the whole state of a field, so that each kind of input is compared by what changes in it. */
function textOf(checked: boolean | undefined, value: string | undefined): string {
  return `${checked} ${value}`
}
