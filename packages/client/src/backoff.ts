// When to come back after a stream has ended.
//
// Full jitter: a wait is a random time between 0 and a window, so that tabs that lost the same server do not reconnect
// in the same moment. The window doubles with each failure up to a cap, and there is no last attempt. Randomness is an
// argument.

/** The first window after a failure, milliseconds. */
export const WINDOW_MS = 1_000
/** No window is longer, milliseconds: a tab is back half a minute after its server at the latest. */
export const WINDOW_MS_MAX = 30_000

/** What the end of a stream says about coming back. */
export type Return = 'soon' | 'backoff' | 'never'

/**
 * What a WebSocket close code asks for; `null` is an end without one. Cases: `protocol/vectors/websocket.json`, `return`.
 */
export function returnAfter(code: number | null): Return {
  const hundred = Math.floor((code ?? 0) / 100)
  if (code === 1001 || code === 1012 || hundred === 41) return 'soon'
  return hundred === 44 ? 'never' : 'backoff'
}

/**
 * How long to wait, in milliseconds, before the attempt that follows `failures` failed ones.
 *
 * @param chance a random number from 0 up to, and without, 1
 */
export function wait_ms(failures: number, chance: number): number {
  return Math.round(chance * Math.min(WINDOW_MS_MAX, WINDOW_MS * 2 ** failures))
}
