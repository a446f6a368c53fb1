// What a page goes through, told as events of the session.
//
// `beforeunload` is none of it: the user may stay. A page that is left for the back/forward cache gives its link up, since
// an open one would keep it out of there, and takes it up again when the user comes back.

import type { SessionEvent } from './session.js'

/** Tells what happens to the page until the function that it returns is called. */
export function watchLifecycle(page: Window, happened: (event: SessionEvent) => void): () => void {
  const { document } = page
  const stop = new AbortController()
  const on = (target: EventTarget, name: string, tell: (event: Event) => void): void => {
    target.addEventListener(name, tell, { signal: stop.signal })
  }
  on(page, 'online', () => { happened({ type: 'online' }) })
  on(page, 'offline', () => { happened({ type: 'offline' }) })
  on(document, 'visibilitychange', () => { happened({ type: document.hidden ? 'hidden' : 'shown' }) })
  on(document, 'resume', () => { happened({ type: 'doubted' }) })
  on(page, 'pagehide', () => { happened({ type: 'left' }) })
  on(page, 'pageshow', (event) => { if ((event as PageTransitionEvent).persisted) happened({ type: 'back' }) })
  if (document.hidden) happened({ type: 'hidden' })
  // A page that is rendered before anybody asked for it is no open tab yet.
  if ((document as { prerendering?: boolean }).prerendering === true) on(document, 'prerenderingchange', () => { happened({ type: 'start' }) })
  else happened({ type: 'start' })
  return () => { stop.abort() }
}
