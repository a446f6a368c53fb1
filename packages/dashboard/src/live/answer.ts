// An answer of the admin API that follows the numbers: asked again, at its own pace, when they moved.

import { onScopeDispose, shallowRef, watch, type Ref, type WatchSource } from 'vue'
import { browserClock, createPace } from './pace.js'
import type { SessionState } from '../session.js'

/** An answer, the problem with getting a newer one, and a way to ask at once. */
export interface Asked<Answer> {
  readonly answer: Readonly<Ref<Answer | null>>
  /** In words; `null` if the last attempt worked. The last answer stays. */
  readonly problem: Readonly<Ref<string | null>>
  again(): void
}

/** What makes an answer worth asking for. */
export interface Pacing {
  readonly every_ms: number
  readonly session: Readonly<Ref<SessionState>>
  /** A value that changes when the answer may have changed. */
  readonly moved: WatchSource
}

/** Asks until the calling scope ends. */
export function useAnswer<Answer>(ask: (signal: AbortSignal) => Promise<Answer>, { every_ms, session, moved }: Pacing): Asked<Answer> {
  const answer = shallowRef<Answer | null>(null)
  const problem = shallowRef<string | null>(null)
  const pace = createPace({
    every_ms,
    clock: browserClock,
    isSeen: () => !document.hidden && session.value === 'in',
    async ask(signal) {
      try {
        const found = await ask(signal)
        if (signal.aborted) return false
        answer.value = found
        problem.value = null
        return true
      } catch (error) {
        if (!signal.aborted) problem.value = error instanceof Error ? error.message : String(error)
        return false
      }
    },
  })
  watch(moved, () => { pace.moved() }, { immediate: true })
  watch(session, (state) => { if (state === 'in') pace.now() })
  document.addEventListener('visibilitychange', pace.look)
  onScopeDispose(() => {
    document.removeEventListener('visibilitychange', pace.look)
    pace.stop()
  })
  return { answer, problem, again: () => { pace.now() } }
}
