// For browsers without the Navigation API: hears of `pushState` and `replaceState` by taking their place.

/** Calls `after` after each of them, until `signal` ends it. */
export function wrap(history: History, after: () => void, signal: AbortSignal): void {
  const heard = (): void => { if (!signal.aborted) after() }
  for (const name of ['pushState', 'replaceState'] as const) wrapOne(history, name, heard, signal)
  heard() // For what happened while this module was loading.
}

function wrapOne(history: History, name: 'pushState' | 'replaceState', after: () => void, signal: AbortSignal): void {
  if (signal.aborted) return
  const original = history[name]
  const wrapped: History['pushState'] = function (this: History, ...said) {
    original.apply(this, said)
    after()
  }
  history[name] = wrapped
  // Other code may have wrapped this wrapper, and then it must stay.
  signal.addEventListener('abort', () => { if (history[name] === wrapped) history[name] = original })
}
