// What a tab remembers across page loads.
//
// A browser may forbid storage, or have none left. Nothing here throws: what cannot be read is absent, and `write` says
// whether it worked. Two places are known: `sessionStorage`, and the state of the history entry, which outlives a reload
// even where storage is blocked.

/** A place for small texts that belong to this tab alone. */
export interface Place {
  read(key: string): string | null
  /** Whether it worked. */
  write(key: string, value: string): boolean
}

/** The tab's `sessionStorage`. */
export function sessionPlace(page: Window): Place {
  return {
    read: (key) => attempt(() => page.sessionStorage.getItem(key), null),
    write: (key, value) => attempt(() => {
      page.sessionStorage.setItem(key, value)
      return true
    }, false),
  }
}

/** The state of the current history entry. Left alone where the application keeps something other than an object there. */
export function historyPlace(page: Window): Place {
  const state = (): Record<string, unknown> | null => {
    const found: unknown = page.history.state ?? {}
    return typeof found === 'object' && !Array.isArray(found) ? found as Record<string, unknown> : null
  }
  return {
    read: (key) => attempt(() => {
      const value = state()?.[key]
      return typeof value === 'string' ? value : null
    }, null),
    write: (key, value) => attempt(() => {
      const before = state()
      if (before === null) return false
      page.history.replaceState({ ...before, [key]: value }, '')
      return true
    }, false),
  }
}

function attempt<T>(work: () => T, otherwise: T): T {
  try {
    return work()
  } catch {
    return otherwise
  }
}
