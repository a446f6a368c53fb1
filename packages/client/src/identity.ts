// A random id that this tab keeps over reloads and shares with no other.
//
// A browser that duplicates a tab copies its `sessionStorage`. So the id lies there only while no page holds it: a page
// takes it out when it begins and puts it back when it is left. The copy of a living tab finds nothing and makes its own.
// A tab that crashed makes a new one too; its old connection ended with it.

import type { Place } from './storage.js'

const KEY = 'headcount.tab'
const WORDS = 4 // Of 32 bits.

/** The tab's id, in use from now on. */
export function takeTabId(place: Place, random: (words: Uint32Array<ArrayBuffer>) => Uint32Array): string {
  const kept = place.read(KEY)
  place.write(KEY, '')
  return kept || random(new Uint32Array(WORDS)).join('-')
}

/** Puts the id back for the tab's next page. */
export function leaveTabId(place: Place, id: string): void {
  place.write(KEY, id)
}
