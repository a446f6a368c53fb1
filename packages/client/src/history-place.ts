// The state of a history entry as a place to remember things: it outlives a reload even where storage is blocked.
//
// Part of the refresh, which alone writes there; `storage.ts` reads it under the same names.

import type { Place } from './storage.js'

/** That of the current entry, for what is about the server at `base`. Left alone where the application keeps something other than an object. */
export function historyPlace({ history, origin }: Window, base: URL): Place {
  const state = (): Record<string, unknown> | null => {
    const found: unknown = history.state ?? {}
    return typeof found === 'object' && !Array.isArray(found) ? found as Record<string, unknown> : null
  }
  return {
    read(key) {
      const value = state()?.[`${key} ${base}`]
      return typeof value === 'string' ? value : null
    },
    write(key, value) {
      const before = state()
      if (before === null || origin === 'null') return false // A page in a sandbox is of another origin each time, and finds nothing.
      try {
        history.replaceState({ ...before, [`${key} ${base}`]: value }, '')
        return true
      } catch {
        return false
      }
    },
  }
}
