// The latest past as this page has seen it, between two looks at the server's history.

import { onScopeDispose, shallowRef, watch, type Ref } from 'vue'
import type { Sample } from '../admin/answers.js'
import type { Live } from '../board.js'
import { useNow } from './painted.js'

const EVERY_MS = 1_000
/** Far longer than the time between two looks at the history. */
const KEPT = 600

/** Samples of `live`, at most one a second and one each half minute, oldest first. Times are the server's. */
export function useSamples(live: Readonly<Ref<Live | null>>, skew_ms: Readonly<Ref<number>>): Readonly<Ref<readonly Sample[]>> {
  const samples = shallowRef<readonly Sample[]>([])
  let due: ReturnType<typeof setTimeout> | undefined
  const take = (): void => {
    due = undefined
    if (live.value === null) return
    const { total, versions } = live.value
    samples.value = [...samples.value.slice(-KEPT), { at: Date.now() + skew_ms.value, total, versions }]
  }
  watch([live, useNow()], () => {
    const last = samples.value.at(-1)?.at ?? -Infinity
    due ??= setTimeout(take, Math.max(0, last + EVERY_MS - Date.now() - skew_ms.value))
  }, { immediate: true })
  onScopeDispose(() => { clearTimeout(due) })
  return samples
}
