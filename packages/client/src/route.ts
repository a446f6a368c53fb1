// Which page the tab shows: its path, without query and fragment.
//
// Where the browser has the Navigation API, that tells of every change. Elsewhere `pushState` and `replaceState` are
// wrapped, which tell nobody, and `popstate` says the rest.

/** Calls `changed` with each new path, not twice in a row with the same one. The function it returns ends that. */
export function watchRoute(page: Window & typeof globalThis, changed: (route: string) => void): () => void {
  let last = page.location.pathname
  const look = (): void => {
    const now = page.location.pathname
    if (now === last) return
    last = now
    changed(now)
  }
  const navigation = (page as { navigation?: EventTarget }).navigation
  if (navigation !== undefined) return listen(navigation, 'currententrychange', look)
  const stopListening = listen(page, 'popstate', look)
  const unwrap = [wrap(page.history, 'pushState', look), wrap(page.history, 'replaceState', look)]
  return () => {
    stopListening()
    for (const undo of unwrap) undo()
  }
}

function listen(target: EventTarget, name: string, listener: () => void): () => void {
  target.addEventListener(name, listener)
  return () => { target.removeEventListener(name, listener) }
}

function wrap(history: History, name: 'pushState' | 'replaceState', after: () => void): () => void {
  const original = history[name]
  let isWatching = true
  const wrapped: History['pushState'] = function (this: History, ...said) {
    original.apply(this, said)
    if (isWatching) after()
  }
  history[name] = wrapped
  return () => {
    isWatching = false // Somebody may have wrapped ours in turn, and then it must stay.
    if (history[name] === wrapped) history[name] = original
  }
}
