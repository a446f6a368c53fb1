// Something to follow where no number says that an answer may have changed.

import { onScopeDispose, shallowRef, type Ref } from 'vue'

/** Changes once each interval while `isWanted`, until the calling scope ends. */
export function useBeat(every_ms: number, isWanted: () => boolean): Readonly<Ref<number>> {
  const beat = shallowRef(0)
  const timer = setInterval(() => { if (isWanted()) beat.value += 1 }, every_ms)
  onScopeDispose(() => { clearInterval(timer) })
  return beat
}
