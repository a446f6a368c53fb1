// What a rule would hit, while it is being written.
//
// Invariant: an answer counts for exactly the rule that it was asked for, so a button that shows it never gives another one.
// Asked a moment after the last keystroke, and again when the numbers moved.

import { computed, onScopeDispose, watch, type ComputedRef } from 'vue'
import { AdminError, type Admin } from '../admin/admin.js'
import type { RuleAnswer, RuleRequest } from '../admin/answers.js'
import { useAnswer, type Pacing } from './answer.js'

/** What is known of the rule as it is now. */
export interface DryRun {
  /** What it would hit; `null` while that is not known. */
  readonly hits: ComputedRef<RuleAnswer | null>
  /** Why the rule is not valid, in words. */
  readonly problem: ComputedRef<string | null>
}

interface Answered {
  readonly key: string
  readonly hits: RuleAnswer | null
  readonly problem: string | null
}

const TYPING_MS = 250

/** Asks for as long as the calling scope lasts. `rule` is `null` while there is nothing to ask. */
export function useDryRun(admin: Admin, rule: () => Omit<RuleRequest, 'dryRun'> | null, pacing: Pacing): DryRun {
  const key = computed(() => JSON.stringify(rule()))
  const { answer, problem, again } = useAnswer(async (signal): Promise<Answered | null> => {
    const asked = rule()
    if (asked === null) return null
    const about = JSON.stringify(asked)
    try {
      return { key: about, hits: await admin.invalidate({ ...asked, dryRun: true }, signal), problem: null }
    } catch (error) {
      // A refusal is an answer: asking again will not help. Everything else is tried again.
      if (!(error instanceof AdminError) || error.status !== 400) throw error
      return { key: about, hits: null, problem: error.message }
    }
  }, pacing)

  let typing: ReturnType<typeof setTimeout> | undefined
  watch(key, () => {
    clearTimeout(typing)
    typing = setTimeout(again, TYPING_MS)
  })
  onScopeDispose(() => { clearTimeout(typing) })

  const present = computed(() => answer.value?.key === key.value ? answer.value : null)
  return {
    hits: computed(() => present.value?.hits ?? null),
    problem: computed(() => present.value?.problem ?? (rule() === null ? null : problem.value)),
  }
}
