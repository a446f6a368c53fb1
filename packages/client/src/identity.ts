// A random id that this tab keeps over reloads and shares with no other.
//
// A browser that duplicates a tab copies its `sessionStorage`. So the id is there only while no page uses it: a page
// takes it out when it starts and puts it back when the user leaves. The copy of an open tab finds nothing and makes a
// new id. A copy that was made in between, by a page without a client, has the same id: then the server reports it, and
// the older tab takes a new id. A tab that crashed makes a new one too; its old connection ended with it.

import type { Place } from './storage.js'

const KEY = 'headcount.tab'
const WORDS = 4 // Of 32 bits.

/** The id of a tab. */
export interface Identity {
  readonly id: string
  /** Makes another one: this one is another tab's. */
  readonly renew: () => void
  /** Leaves the id for the tab's next page. */
  readonly leave: () => void
  /** Takes what the last page of the tab left, if anything. */
  readonly take: () => void
}

/** The tab's id, in use from now on. */
export function createIdentity(place: Place, random: Pick<Crypto, 'getRandomValues'>): Identity {
  let id = ''
  const renew = (): void => { id = random.getRandomValues(new Uint32Array(WORDS)).join('-') }
  const take = (): void => {
    const kept = place.read(KEY)
    place.write(KEY, '')
    if (kept) id = kept
    else if (!id) renew()
  }
  take()
  return { get id() { return id }, renew, leave() { place.write(KEY, id) }, take }
}
