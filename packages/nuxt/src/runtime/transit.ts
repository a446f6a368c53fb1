// Holds every refresh while the router is on its way to another page.
//
// A page load in between would bring back the page that is being left, and the click would be lost. Where the next page's code is
// gone because a deployment took it away, Nuxt loads that page anew by itself: there too the target is what the user wants, and
// what comes is the new build, so a refresh would only stop it halfway.

import type { NavigationFailure, RouteLocationNormalized } from 'vue-router'
import { NavigationFailureType, isNavigationFailure } from 'vue-router'

/** What this needs of vue-router's router. */
export interface TransitRouter {
  beforeEach(guard: (to: RouteLocationNormalized) => void): () => void
  afterEach(guard: (to: RouteLocationNormalized, from: RouteLocationNormalized, failure?: NavigationFailure | void) => void): () => void
  onError(handler: (error: unknown, to: RouteLocationNormalized) => void): () => void
}

/** What this needs of Nuxt's hooks. */
export type TransitHook = (name: 'page:loading:start' | 'page:loading:end' | 'app:chunkError', listener: () => void) => () => void

/** Nuxt tries a page whose code is gone once in so long, milliseconds. Whoever is still there then was not loaded anew. */
const LEAVING_MS = 10_000

/** Calls `hold` when a navigation begins, and what that returns when it is over, until the function that this returns is called. */
export function holdInTransit(router: TransitRouter, hook: TransitHook, hold: (reason: string) => () => void): () => void {
  /** Where the router is going, once Nuxt's own guards let it. */
  let target: RouteLocationNormalized | null = null
  let release: (() => void) | null = null
  let isCodeGone = false
  let leaving: ReturnType<typeof setTimeout> | undefined

  function begin(): void {
    clearTimeout(leaving)
    isCodeGone = false
    release ??= hold('navigation')
  }

  function end(): void {
    clearTimeout(leaving)
    target = null
    release?.()
    release = null
  }

  const stops = [
    // Before all guards, of which the first may take their time.
    hook('page:loading:start', begin),
    router.beforeEach((to) => {
      begin()
      target = to
    }),
    router.afterEach((_to, _from, failure) => {
      // Another navigation is under way already.
      if (!isNavigationFailure(failure, NavigationFailureType.cancelled)) end()
    }),
    // Refused by a guard of Nuxt's, or nothing of the router's at all.
    hook('page:loading:end', () => { if (target === null) end() }),
    hook('app:chunkError', () => { isCodeGone = true }),
    router.onError(() => {
      if (isCodeGone) leaving = setTimeout(end, LEAVING_MS)
      else end()
    }),
    end,
  ]
  return () => { for (const stop of stops) stop() }
}
