import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { effectScope } from 'vue'

import { useBeat } from '../src/live/beat.js'

beforeEach(() => { vi.useFakeTimers() })
afterEach(() => { vi.useRealTimers() })

test('beats while it is wanted, until its scope ends', () => {
  let isWanted = false
  const scope = effectScope()
  const beat = scope.run(() => useBeat(1_000, () => isWanted))
  vi.advanceTimersByTime(5_000)
  expect(beat?.value).toBe(0)
  isWanted = true
  vi.advanceTimersByTime(2_000)
  expect(beat?.value).toBe(2)
  scope.stop()
  vi.advanceTimersByTime(5_000)
  expect(beat?.value).toBe(2)
  expect(vi.getTimerCount()).toBe(0)
})
