// What its user did on this page, as notes; `weighing.ts` makes of them what a refresh would cost.
//
// Two files, because every page loads this one and few pages need the other: here is only what cannot be found out later, which is
// what happened and what a field held at that moment.

/** Keeps track of work that a refresh would lose. */
export interface Work {
  /** What holds every refresh, in words. */
  readonly holds: () => string[]
  /** What happened and was not weighed yet. */
  readonly notes: Note[]
  /** Calls `weigh` with the notes now, and with each new one. */
  readonly hear: (weigh: Weigh) => void
  /** Holds every refresh until the function that it returns is called. */
  readonly hold: (reason: string) => () => void
  /** What was done is saved: in `within`, or everywhere. */
  readonly saved: (within?: Node) => void
  /** Whether its user opened or used this dialog. */
  readonly isCalled: (dialog: Element) => boolean
  /** The page shows something else: what is gone from it, or goes now, is no work any more. */
  readonly navigated: () => void
}

/** Takes off `notes` what can be weighed. */
export type Weigh = (notes: Note[], see: Seeing) => void

/** What is in a field, whether its user clicked or pressed a key there, and whether they were seen coming to it. */
export interface Seeing {
  readonly valueOf: (field: Field) => string
  readonly used: WeakSet<Element>
  readonly known: WeakMap<Field, string>
}

/** Something that happened. */
export type Note = Done | { readonly event?: undefined; readonly type: 'saved' | 'navigated'; readonly within?: Node | undefined }

/** An event, with what cannot be seen afterwards. */
export interface Done {
  readonly event: Event
  readonly path: readonly Field[]
  /** The field that it is about. */
  readonly field: Field | undefined
  /** What was in the field at that moment, and when its user last came to it, if that was seen. */
  readonly value: string
  readonly was: string | undefined
  /** Where the pointer was pressed. */
  readonly from: From | undefined
}

/** The page when its user pressed the pointer, or a key outside of fields. Clients before these lists leave them out. */
export interface From {
  readonly event: Event
  readonly path: readonly Field[]
  /** Where the pointer was. */
  readonly x: number
  readonly y: number
  /** What each element of the path contains. */
  readonly rows?: readonly (readonly Element[])[]
  /** What editors and custom controls show. */
  readonly states?: readonly (readonly [Field, string])[]
}

/** What may be worked on. One without `value` is text that can be edited. */
export type Field = Element & Partial<Pick<HTMLInputElement, 'checked' | 'defaultChecked' | 'defaultValue' | 'form' | 'setRangeText'> & Pick<HTMLSelectElement, 'selectedOptions'>> & { value?: unknown; editContext?: EventTarget }

const EVENTS = 'input,beforeinput,focusin,change,keydown,paste,cut,drop,dragend,click,pointerdown,pointerup,reset,load'
const FIELDS = 'input,textarea,select,[contenteditable]'
/** What a click or a key elsewhere may change, too. A table may have thousands of boxes: only those of the row under the pointer. */
const TAKERS = '[contenteditable],canvas,:is(li,tr):hover input,[role=option],[aria-checked],[aria-valuenow],:is([role],[tabindex="0"]):focus'
/** What is on a hold that gives no reason. */
const UNNAMED = 'hold'
/** Documents and shadow roots have a type above that. */
const OTHER_NODES = 8 // COMMENT_NODE
/** A pointer that moves no further clicks, pixels. */
const DRAG_PX = 4
/** More is not noted. So many come together only where what weighs them cannot be loaded, and then its user is asked. */
const NOTES_MAX = 1_000

// Of the page and not of one watch: a client that follows another must know what was typed before it.
const notes: Note[] = []
const known = new WeakMap<Field, string>()
const used = new WeakSet<Element>()
/** Dialogs that were open before their user did anything. */
let uncalled: Element[] | undefined
/** Hears of files that are chosen in a field that is not on the page: its events reach no document. Of the latest watch. */
let seeDetached: ((event: Event) => void) | undefined

const SEEING: Seeing = { valueOf, used, known }

/** Watches `document` until `signal` ends it. `began` hears of the first thing that may be work. */
export function watchWork(document: Document, began: () => void, signal: AbortSignal): Work {
  const holds = new Map<object, string>()
  let hasBegun = false
  let weigh: Weigh = () => {}
  const add = (note: Note): void => {
    if (notes.length < NOTES_MAX) notes.push(note)
    weigh(notes, SEEING)
  }
  watchEvents(document, (done, isWork) => {
    if (isWork && done.event.isTrusted && !hasBegun) {
      hasBegun = true
      began()
    }
    if (isWork || hasBegun) add(done)
  }, signal)
  return {
    holds: () => [...holds.values()],
    notes,
    hear(listener) {
      weigh = listener
      weigh(notes, SEEING)
    },
    hold(reason) {
      const hold = {}
      holds.set(hold, reason || UNNAMED)
      return () => { holds.delete(hold) }
    },
    saved(within) { add({ type: 'saved', within }) },
    isCalled: (dialog) => used.has(dialog) || uncalled?.includes(dialog) === false,
    navigated() { add({ type: 'navigated' }) },
  }
}

function watchEvents(document: Document, note: (done: Done, isWork: unknown) => void, signal: AbortSignal): void {
  let from = {} as From
  const see = (event: Event): void => {
    const { type, isTrusted, x, y } = event as PointerEvent
    const path = event.composedPath() as Field[]
    const [origin] = path
    if (!origin?.closest || (type === 'load' && !watchFrame(origin))) return
    const field = path.find((element) => element.matches?.(FIELDS))
    const value = field ? valueOf(field) : ''
    const was = known.get(field as Field)
    const isKey = type === 'keydown'
    if (field && /^[bfkp]/.test(type)) known.set(field, value)
    if (isTrusted && type.endsWith('down')) {
      uncalled ??= [...document.querySelectorAll('dialog[open]')]
      path.forEach((element) => used.add(element))
      if (!isKey || !field) {
        from = {
          event, path, x, y, rows: path.map(({ children = [] }) => [...children]),
          // Of the document, and of the shadow roots on the path.
          states: path.flatMap((root) => root.nodeType > OTHER_NODES ? Array.from(root.querySelectorAll<Field>(TAKERS), (element) => [element, valueOf(element)] as const) : []),
        }
      }
    }
    note({ event, path, field, value, was, from }, origin.editContext ?? (type === 'focusin' ? field && uncalled
      : field ?? (!/^(k|cl|po)/.test(type) || Math.hypot(x - from.x, y - from.y) > DRAG_PX || from.states?.[0])))
  }
  const watch = (document: Document): void => {
    for (const name of EVENTS.split(',')) document.addEventListener(name, see, { capture: true, signal })
    document.querySelectorAll('iframe').forEach(watchFrame)
  }
  const watchFrame = (frame: Element): Document | null | undefined => {
    const inner = (frame as Partial<HTMLIFrameElement>).contentDocument // Of no other element, and null where it may not be seen.
    if (inner) watch(inner)
    return inner
  }
  watch(document)
  if (!seeDetached) {
    const { prototype } = HTMLInputElement
    const { click } = prototype
    prototype.click = function () {
      if (!this.isConnected) this.addEventListener('change', seeDetached as typeof see)
      click.call(this)
    }
  }
  seeDetached = see
  // Into a frame that was not seen coming: one under a shadow root, or one that was written into.
  window.addEventListener('blur', () => {
    let { activeElement } = document
    while (activeElement?.shadowRoot) ({ activeElement } = activeElement.shadowRoot)
    if (activeElement) watchFrame(activeElement)
  }, { signal })
}

/**
 * The whole state of a field, so that each kind of input is compared by what changes in it. Only inputs and text areas have a method to set
 * a range of their text: the `value` of an editor that is a custom element may be late.
 */
function valueOf({ checked, outerHTML, selectedOptions, setRangeText, value }: Field): string {
  if (selectedOptions) return Array.from(selectedOptions, ({ value }) => value).join('\n')
  return `${checked} ${setRangeText ? value : outerHTML}`
}
