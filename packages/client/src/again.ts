// How a tab loads its page anew when its user stayed once.
//
// Firefox takes no reload from a page whose user once stayed on it, by a `beforeunload` dialog, when it was reloaded: neither `location.reload()` nor
// `history.go(0)`, with or without a click, and says nothing: even `beforeunload` comes. It still goes to the same address. So the second time a
// reload that leads nowhere is followed by that, unless its user was asked again: in the same entry of the history, with query and fragment. What the
// entry's state held is gone then, so a tab without storage, which remembers there, leaves it at the reload.

import type { Place } from './storage.js'

const KEY_LAST = 'headcount.reloaded' // Of `reloaded.ts`, which believes a page that is no reload if its address is named there.
/** A page that is reloaded is gone by then, or comes so late that it may be asked for anew, milliseconds. */
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
    // To an address with a fragment no page is loaded anew, unless it differs otherwise.
    history.replaceState(history.state, '', `?${location.search.slice(1)}&`)
    setTimeout(() => { history.replaceState(history.state, '', href) }, STAYED_MS)
  }
  location.replace(href)
}
