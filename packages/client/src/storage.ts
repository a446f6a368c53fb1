// What a tab remembers across page loads.
//
// A browser may forbid storage, or have none left. Nothing here throws: what cannot be read is absent, and `write` says
// whether it worked. Where `sessionStorage` fails, a refresh leaves what the next page must know in the state of the history entry
// (`history-place.ts`).
//
// Both belong to all applications of an origin. What is kept is named after the server that it is about, by its base: numbers and
// tab ids of two servers have nothing to do with each other.

/** A place for small texts that belong to this tab alone. */
export interface Place {
  read(key: string): string | null | undefined
  /** Whether it worked. */
  write(key: string, value: string): boolean
}

/** The tab's `sessionStorage`, for what is about the server at `base`; what is not there is read from the history entry. */
export function sessionPlace(page: Window, base: URL): Place {
  return {
    read: (key) => {
      const name = `${key} ${base}`
      return attempt(() => page.sessionStorage.getItem(name)) ?? attempt(() => (page.history.state as Record<string, string>)[name])
    },
    write: (key, value) => !!attempt(() => {
      page.sessionStorage.setItem(`${key} ${base}`, value)
      return true
    }),
  }
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
