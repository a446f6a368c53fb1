// What a page goes through, told as events of the session.
//
// `beforeunload` is none of it: the user may stay. A page that is left for the back/forward cache gives its link up, since
// an open one would keep it out of there, and takes it up again when the user comes back.

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
  // A page that is rendered before anybody asked for it is no open tab yet.
  if ((document as { prerendering?: boolean }).prerendering) on(document, 'prerenderingchange', () => 'start')
  else happened({ type: 'start' })
}
