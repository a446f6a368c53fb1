// How a tab loads its page anew.

/**
 * Loads the page anew: by GET, with query and fragment, in the same entry of the history. A page that answers a form would be posted
 * again; an entry whose state was replaced has forgotten the form.
 */
export function reload({ history, location }: Window): void {
  try {
    history.replaceState(history.state, '')
  } finally {
    location.reload()
  }
}
