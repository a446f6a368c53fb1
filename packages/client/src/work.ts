// What a refresh would cost the person in front of this tab.
//
// A field counts as changed while its value differs from the one it had when its user came to it, and while it is on the
// page. Submitting does not count as saving: an application that sends the form itself may have failed to. It says
// `saved`, or takes the form away, or leaves the page.
//
// Deliberately absent: what a script wrote into a field, and values that nobody touched.

/** Keeps track of work that a refresh would lose. */
export interface Work {
  /** What would be lost now, in words; empty if nothing. */
  reasons(): string[]
  /** Holds every refresh until the function that it returns is called. */
  hold(reason: string): () => void
  /** What stands in these fields now is saved: those in `within`, or all. */
  saved(within?: Node): void
  stop(): void
}

/** What is on a hold that gives no reason. */
const UNNAMED = 'hold'

/** Watches the fields of `document`. With `media`, playing audio and video count as work. */
export function watchWork(document: Document, media: boolean): Work {
  const came = new WeakMap<Element, string>()
  const touched = new Set<Element>()
  const holds = new Set<{ readonly reason: string }>()

  const onFocus = (event: Event): void => {
    const field = fieldOf(event)
    if (field !== null && !came.has(field)) came.set(field, valueOf(field))
  }
  const onInput = (event: Event): void => {
    const field = fieldOf(event)
    if (field === null) return
    // One that changed before anybody saw it being entered: by what was written in the page, if that can be told.
    if (!came.has(field)) came.set(field, 'defaultValue' in field ? String(field.defaultValue) : '')
    touched.add(field)
  }
  const listeners: [string, (event: Event) => void][] = [['focusin', onFocus], ['input', onInput], ['change', onInput]]
  for (const [name, listener] of listeners) document.addEventListener(name, listener, true)

  /** Forgets fields that are gone or as they were, so that the set does not grow with the page's life. */
  function changed(): boolean {
    for (const field of touched) if (!field.isConnected || valueOf(field) === came.get(field)) touched.delete(field)
    return touched.size > 0
  }

  return {
    reasons() {
      const found = Array.from(holds, ({ reason }) => reason)
      for (const holder of document.querySelectorAll('[data-headcount-hold]:not([data-headcount-hold="false"])')) {
        found.push(holder.getAttribute('data-headcount-hold') || UNNAMED)
      }
      if (changed()) found.push('form')
      if (media && Array.from(document.querySelectorAll<HTMLMediaElement>('audio, video')).some(isPlaying)) found.push('media')
      return found
    },
    hold(reason) {
      const hold = { reason: reason || UNNAMED }
      holds.add(hold)
      return () => { holds.delete(hold) }
    },
    saved(within) {
      for (const field of touched) {
        if (within !== undefined && !within.contains(field)) continue
        came.set(field, valueOf(field))
        touched.delete(field)
      }
    },
    stop() {
      for (const [name, listener] of listeners) document.removeEventListener(name, listener, true)
    },
  }
}

/** The field that an event is about, through shadow roots. */
function fieldOf(event: Event): Element | null {
  const origin = event.composedPath()[0]
  if (!(origin instanceof Element)) return null
  return isField(origin) ? origin : origin.closest('[contenteditable]')
}

type Field = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement

function isField(element: Element): element is Field {
  return /^(input|textarea|select)$/i.test(element.tagName)
}

function valueOf(element: Element): string {
  if (!isField(element)) return element.innerHTML
  if (/^(checkbox|radio)$/.test(element.type)) return String((element as HTMLInputElement).checked)
  if (!('options' in element)) return element.value
  return Array.from(element.options, ({ selected, value }) => selected ? value : '').join('\n')
}

function isPlaying(element: HTMLMediaElement): boolean {
  return !element.paused && !element.ended
}
