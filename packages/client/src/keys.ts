// Which keys change a text, choose, or take something away.

/** Keys that change a text. */
const EDITS = ['Backspace', 'Delete', 'Enter', 'Process']
/** Those that do so with Control or Command, where the page has a use for them. */
const EDITS_WITH_CONTROL = /^[bdikuvxyz/]$/i
/** Keys that choose. */
export const CHOOSES = /^(?: |Enter|Arrow.*|Home|End|Page.*)$/

/** Those that choose what they are pressed on. */
export const PICKS = /^(?: |Enter)$/

/** Whether a key changes a text. */
export function edits({ key, altKey, ctrlKey, metaKey, defaultPrevented }: KeyboardEvent): boolean {
  if (ctrlKey || metaKey) return defaultPrevented && EDITS_WITH_CONTROL.test(key)
  if (altKey && key.startsWith('Arrow')) return defaultPrevented // Moves a line.
  return key.length === 1 || EDITS.includes(key)
}

/** Whether a key only looks around in a text, or selects: editors draw that, too. */
export function looks({ key, ctrlKey, metaKey }: KeyboardEvent): boolean {
  return /^(?:Arrow|Home|End|Page|Escape|Shift|Control|Alt|Meta|F\d)/.test(key) || ((ctrlKey || metaKey) && /^[acfglp]$/i.test(key))
}

/** Whether an event takes a part of a text away, or goes back to an earlier one. */
export function removes(event: Event): boolean {
  const { inputType = '', key = '', type, ctrlKey, metaKey } = event as InputEvent & KeyboardEvent
  return type === 'cut' || /^(?:delete|history)/.test(inputType) || /^(?:Backspace|Delete)$/.test(key) || ((ctrlKey || metaKey) && /^[xyz]$/i.test(key))
}
