// The commands that this page was loaded anew for, as the page before wrote them down (`memory.ts`).

import type { Place } from './storage.js'

const KEY_LAST = 'headcount.reloaded'

/** The numbers of the commands that the last refresh was for, with commas between, after their epoch; asked again, there are none. */
export function takeReloaded(place: Place): string | null {
  const last = place.read(KEY_LAST)
  if (last) place.write(KEY_LAST, '')
  return last
}
