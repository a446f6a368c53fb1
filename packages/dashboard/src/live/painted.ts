// Values that change faster than anybody can read them, brought to the screen's own pace.

import { onScopeDispose, shallowRef, watch, type Ref } from 'vue'

/** The latest of `source` as of the last frame that was painted. Stands still while the page is out of sight. */
export function usePainted<Value>(source: () => Value): Readonly<Ref<Value>> {
  const painted = shallowRef(source()) as Ref<Value>
  let frame = 0
  watch(source, () => {
    frame ||= requestAnimationFrame(() => {
      frame = 0
      painted.value = source()
    })
  }, { flush: 'sync' })
  onScopeDispose(() => { cancelAnimationFrame(frame) })
  return painted
}

/** The time, by the half minute: for `5 min ago`. */
export function useNow(): Readonly<Ref<number>> {
  const now = shallowRef(Date.now())
  const timer = setInterval(() => { now.value = Date.now() }, 30_000)
  onScopeDispose(() => { clearInterval(timer) })
  return now
}
