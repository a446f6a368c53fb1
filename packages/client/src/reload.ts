// Reloads the page.

/**
 * Reloads the page by GET, with query and fragment, in the same entry of the history. A reload of a page that answers a
 * form would post it again; replacing the state of the entry drops the form.
 */
export function reload({ history, location }: Window): void {
  try {
    history.replaceState(history.state, '')
  } finally {
    location.reload()
  }
}
