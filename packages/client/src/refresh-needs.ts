// What the refresh of this page load has to do with the rest of the client.

import type { Environment } from './environment.js'
import type { Listeners } from './events.js'
import type { HeadcountOptions } from './face.js'
import type { Identity } from './identity.js'
import { drawPlain } from './plain.js'
import type { RefreshNeeds } from './refreshing.js'
import type { Work } from './work.js'

/** How long a forced refresh may be put off where nothing else is said, milliseconds. */
const DEADLINE_MS = 300_000

/** With what the page's client was started with. */
export function refreshNeeds(
  { version = '', refresh = 'now', deadlineMs = NaN, media = false, banner = {}, base }: HeadcountOptions & { readonly base: URL },
  environment: Environment, listeners: Listeners, tab: Identity, work: Work, acknowledge: RefreshNeeds['acknowledge'], signal: AbortSignal,
): RefreshNeeds {
  const { clock, page, place, reload } = environment
  const { document } = page
  let isUnannounced: boolean | undefined
  listeners.on('connected', ({ announced }) => { isUnannounced = announced === false })
  return {
    mode: refresh, deadline_ms: deadlineMs >= 0 ? deadlineMs : DEADLINE_MS, clock, build: version, listeners, reload, acknowledge, tab: () => tab.id,
    places: (history) => [place, history(page, base)],
    sight: () => ({ reasons: work.holds(), isHidden: document.hidden, isOnline: page.navigator.onLine, isUnannounced }),
    standing: (find) => find(document, media, work),
    hear: work.hear,
    asking: (show) => { if (banner) show((prompt) => drawPlain(document, banner, prompt), document, listeners, banner, environment, signal) },
  }
}
