// Holds every refresh while the router is on its way to another page.
//
// A refresh during a navigation would reload the page that the user leaves, and lose the click. If the code of the next
// page is gone after a deployment, Nuxt loads that page by itself: the user wants the target there too, and gets the
// new build, so a refresh would only interrupt it.

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

/** How often Nuxt reloads a page whose code is gone, milliseconds. A page that is still there after that was not reloaded. */
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
