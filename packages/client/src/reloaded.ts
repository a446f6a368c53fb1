// The commands that this page was loaded anew for, as the page before wrote them down (`memory.ts`).

import type { Place } from './storage.js'

const KEY_LAST = 'headcount.reloaded'

/**
 * The numbers of the commands that the last refresh was for, with commas between, after their epoch; asked again, there are none. Of a page at `href` that
 * is no reload only if the page before went there for it (`again.ts`).
 */
export function takeReloaded(place: Place, isReload: boolean, href: string): string {
  const [last = '', at] = (place.read(KEY_LAST) ?? '').split(' ')
  if (last) place.write(KEY_LAST, '')
  return isReload || at === href ? last : ''
}
