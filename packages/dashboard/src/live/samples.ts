// The latest past as this page has seen it, between two looks at the server's history.

import { shallowRef, watch, type Ref } from 'vue'
import type { Sample } from '../admin/answers.js'
import type { Live } from '../board.js'

const EVERY_MS = 1_000
/** Far longer than the time between two looks at the history. */
const KEPT = 600

/** Samples of `live`, at most one a second, oldest first. Times are the server's. */
export function useSamples(live: Readonly<Ref<Live | null>>, skew_ms: Readonly<Ref<number>>): Readonly<Ref<readonly Sample[]>> {
  const samples = shallowRef<readonly Sample[]>([])
  watch(live, (now) => {
    if (now === null) return
    const at = Date.now() + skew_ms.value
    const { value: kept } = samples
    const isSoon = kept.length > 1 && at - (kept.at(-2)?.at ?? 0) < EVERY_MS
    const sample = { at, total: now.total, versions: now.versions }
    // The newest is replaced until it is old enough, so that the edge of the chart is always now.
    samples.value = [...(isSoon ? kept.slice(0, -1) : kept.slice(-KEPT)), sample]
  }, { immediate: true })
  return samples
}
