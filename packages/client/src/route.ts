// Which page the tab shows: its path, without query and fragment.
//
// If the browser has the Navigation API, that reports every change. Otherwise a separate part (`wrapping.ts`) wraps
// `pushState` and `replaceState`, which fire no event, and `popstate` reports the rest.

/** Calls `changed` with each new path, not twice in a row with the same one, until `signal` ends it. */
export function watchRoute(page: Window & typeof globalThis, changed: (route: string) => void, signal: AbortSignal): void {
  let last = page.location.pathname
  const look = (): void => {
    const now = page.location.pathname
    if (now === last) return
    last = now
    changed(now)
  }
  const navigation = (page as { navigation?: EventTarget }).navigation
  if (navigation) return navigation.addEventListener('currententrychange', look, { signal })
  page.addEventListener('popstate', look, { signal })
  import('./wrapping.js').then(({ wrap }) => { wrap(page.history, look, signal) }).catch(() => {})
}

