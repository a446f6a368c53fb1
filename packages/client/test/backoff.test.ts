import { describe, expect, test } from 'vitest'

import vectors from '../../../protocol/vectors/websocket.json' with { type: 'json' }
import { returnAfter, wait_ms, WINDOW_MS, WINDOW_MS_MAX } from '../src/backoff.js'

describe('what a close code asks for', () => {
  test.each(vectors.return)('$name', ({ code, return: expected }) => {
    expect(returnAfter(code)).toBe(expected)
  })

  test('an end without a code asks for backoff', () => {
    expect(returnAfter(null)).toBe('backoff')
  })
})

describe('how long to wait', () => {
  test('anything from nothing to the window', () => {
    expect(wait_ms(0, 0)).toBe(0)
    expect(wait_ms(0, 0.5)).toBe(WINDOW_MS / 2)
    expect(wait_ms(0, 0.999_999)).toBe(WINDOW_MS)
  })

  test('the window doubles up to the cap and stays there', () => {
    const windows = [0, 1, 2, 3, 4, 5, 6, 1_000_000].map((failures) => wait_ms(failures, 0.999_999_9))
    expect(windows).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, WINDOW_MS_MAX, WINDOW_MS_MAX, WINDOW_MS_MAX])
  })
})
