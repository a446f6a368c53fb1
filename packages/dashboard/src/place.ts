// Where things are. The server writes it into the page, since every path is configurable.

/** Addresses, without a slash at their end, and what serves this page. */
export interface Place {
  /** The client endpoints, such as `/__skew`. */
  readonly base: string
  /** The admin API, such as `/api/admin`. */
  readonly admin: string
  /** The version of the server, for people. */
  readonly version: string
  /** The page that this tab is counted under. */
  readonly route: string
}

/**
 * The admin secret that the address of this page brings along, as in `/headcount/#secret=…`, and takes it out of the address and the
 * history: `headcount demo` prints such a link. What stands behind `#` is sent to no server.
 */
export function takeLinkedSecret(page: Window): string | null {
  const secret = new URLSearchParams(page.location.hash.slice(1)).get('secret')
  if (secret !== null) page.history.replaceState(page.history.state, '', page.location.pathname + page.location.search)
  return secret
}

/** What `document` says. */
export function placeOf(document: Document): Place {
  const said = (name: string): string =>
    document.querySelector<HTMLMetaElement>(`meta[name="headcount-${name}"]`)?.content.replace(/\/+$/, '') ?? ''
  return {
    base: said('base'),
    admin: said('admin'),
    version: said('version'),
    route: document.location.pathname.replace(/\/+$/, '') || '/',
  }
}
