// Reloads a page whose user once cancelled a reload.
//
// After a user has once stayed on a page in the `beforeunload` dialog of a reload, Firefox ignores further reloads by
// the page: neither `location.reload()` nor `history.go(0)` works, with or without a click, although `beforeunload`
// still fires. A navigation to the same address still works. So when a second reload has no effect and its user was not
// asked again, the client navigates to the same address: in the same entry of the history, with query and fragment.
// That loses the state of the entry, so a tab without storage, which keeps its memory there, only reloads.

import type { Place } from './storage.js'

const KEY_LAST = 'headcount.reloaded' // Of `reloaded.ts`, which believes a page that is no reload if its address is named there.
/** By then a reloaded page is gone, or so late that it may be requested again, milliseconds. */
const GONE_MS = 2_000
/** After which a page that is still there has its address again, milliseconds. */
const STAYED_MS = 5_000

/** Calls `reload`, and goes to the page's address if that is not taken. */
export function reloadAgain(page: Window, place: Place, reload: () => void): void {
  const over = new AbortController()
  const { signal } = over
  page.addEventListener('beforeunload', (event) => { if (event.defaultPrevented) over.abort() }, { signal })
  page.addEventListener('pagehide', () => { over.abort() }, { signal })
  reload()
  setTimeout(() => {
    if (signal.aborted) return
    over.abort()
    goAgain(page, place)
  }, GONE_MS)
}

function goAgain({ history, location }: Window, place: Place): void {
  const { href } = location
  if (!place.write(KEY_LAST, `${place.read(KEY_LAST) ?? ''} ${href}`)) return
  if (href.includes('#')) {
    // A navigation to an address that differs only in its fragment loads nothing.
    history.replaceState(history.state, '', `?${location.search.slice(1)}&`)
    setTimeout(() => { history.replaceState(history.state, '', href) }, STAYED_MS)
  }
  location.replace(href)
}
