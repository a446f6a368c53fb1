// The tabs that are open now, for visitors who may see them.
//
// The subscription is the application's: the first component that asks begins it, the last one that goes ends it.

import type { StatsConnection } from '@headcount/client'
import { computed, type ComputedRef } from 'vue'
import { useMounted, whileMounted } from './mounted.js'
import { useSource } from './plugin.js'
import type { Wants } from './source.js'

/** One open tab: `id`, `version`, and where they are tracked `route` and `ip`. */
export type ConnectionInfo = StatsConnection

/** What {@link useActiveConnections} returns. */
export interface ActiveConnections {
  /** Open tabs. */
  readonly total: ComputedRef<number>
  /** Open tabs by the build they run. No inherited keys. */
  readonly versions: ComputedRef<Record<string, number>>
  /** Open tabs by the page they show. No inherited keys; empty where the server does not track routes. */
  readonly routes: ComputedRef<Record<string, number>>
  /** Some of them one by one, this one among them: at most the server's `stats_connections_max`, 200 by default. */
  readonly connections: ComputedRef<ConnectionInfo[]>
  /** This tab, in that list. */
  readonly yourId: ComputedRef<string | undefined>
  /** Whether this visitor may see the numbers; `null` until that is known. */
  readonly authorized: ComputedRef<boolean | null>
}

/**
 * Live numbers of the tabs that are open on the site, until the calling scope ends. Empty on a server, before the component
 * is mounted, and for visitors who may not see them.
 *
 * `connections: false` leaves the list out, and with it what it costs to keep it up to date.
 */
export function useActiveConnections({ connections = true }: Partial<Wants> = {}): ActiveConnections {
  const { known, watch } = useSource()
  const isMounted = useMounted()
  whileMounted(() => watch({ connections }))
  const stats = computed(() => isMounted.value ? known.stats : null)
  return {
    total: computed(() => stats.value?.total ?? 0),
    versions: computed(() => stats.value?.versions ?? noCounts()),
    routes: computed(() => stats.value?.routes ?? noCounts()),
    // Typed as in nuxt-skew-protection; values that are written into it are gone with the next message.
    connections: computed(() => (stats.value?.connections ?? []) as ConnectionInfo[]),
    yourId: computed(() => stats.value?.yourId),
    authorized: computed(() => isMounted.value ? known.authorized : null),
  }
}

function noCounts(): Record<string, number> {
  return Object.create(null) as Record<string, number>
}
