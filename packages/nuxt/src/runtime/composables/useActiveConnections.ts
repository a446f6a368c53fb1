import { useActiveConnections as useConnections, type ActiveConnections } from '@headcount/vue'
import { useNuxtApp } from '#imports'
import { getCurrentInstance, getCurrentScope, onMounted, onScopeDispose } from 'vue'

import type { Anew } from '../anew.js'

export type { ActiveConnections, ConnectionInfo } from '@headcount/vue'

/**
 * Live numbers of the tabs that are open on this site, while the component that calls it is mounted, or, outside of
 * components, for as long as its effect scope lives. A visitor that `skew:authorize-stats` does not admit sees zeros.
 * `connections: false` leaves out the list of single tabs, and with it most of the traffic.
 */
export function useActiveConnections(options: { connections?: boolean } = {}): ActiveConnections {
  if (import.meta.client) wantWhileMounted((useNuxtApp()['$headcount'] as { anew: Anew }).anew)
  return useConnections(options)
}

/** Before the question itself: a late question may need newer cookies than the first. */
function wantWhileMounted(anew: Anew): void {
  let unwanted = (): void => {}
  const want = (): void => { unwanted = anew.wanted() }
  if (getCurrentInstance() === null) want()
  else onMounted(want)
  if (getCurrentScope() !== undefined) onScopeDispose(() => { unwanted() })
}
