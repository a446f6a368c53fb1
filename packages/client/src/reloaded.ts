// The commands that this page was reloaded for, as the previous page noted them (`memory.ts`).

import type { Place } from './storage.js'

const KEY_LAST = 'headcount.reloaded'

/**
 * The numbers of the commands of the last refresh, separated by commas, after their epoch; a second call returns none.
 * For a page at `href` that is not a reload, only if the previous page navigated there for the refresh (`again.ts`).
 */
export function takeReloaded(place: Place, isReload: boolean, href: string): string {
  const [last = '', at] = (place.read(KEY_LAST) ?? '').split(' ')
  if (last) place.write(KEY_LAST, '')
  return isReload || at === href ? last : ''
}
