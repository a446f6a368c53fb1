// What a page goes through, told as events of the session.
//
// `beforeunload` is not used: the user may stay. A page that enters the back/forward cache closes its link, because an
// open one would keep it out of the cache, and reconnects when the user comes back.

import type { PageEvent } from './session.js'

/** Tells what happens to the page until `signal` ends it. */
export function watchLifecycle(page: Window, happened: (event: PageEvent) => void, signal: AbortSignal): void {
  const { document } = page
  const on = (target: EventTarget, name: string, what: (event: Event) => PageEvent['type'] | false = () => name as PageEvent['type']): void => {
    target.addEventListener(name, (event) => {
      const type = what(event)
      if (type) happened({ type })
    }, { signal })
  }
  on(page, 'online')
  on(page, 'offline')
  on(page, 'pagehide', () => 'left')
  on(page, 'pageshow', (event) => (event as PageTransitionEvent).persisted && 'back')
  on(document, 'visibilitychange', () => document.hidden ? 'hidden' : 'shown')
  on(document, 'resume', () => 'doubted')
  if (document.hidden) happened({ type: 'hidden' })
  // A prerendered page is not an open tab yet.
  if ((document as { prerendering?: boolean }).prerendering) on(document, 'prerenderingchange', () => 'start')
  else happened({ type: 'start' })
}
