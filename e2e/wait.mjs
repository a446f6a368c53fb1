// Waiting on a condition, with a bound.
//
// Nothing in these tests sleeps for a length of time and hopes. A wait names what it waits for, so that the one that
// runs out says what was missing and what was there instead.

import { setTimeout as pause } from 'node:timers/promises'

/**
 * Far above anything promised (500 ms), and above what a page load takes in the slowest browser on a machine that builds meanwhile (10 s seen).
 * So running out means broken and not slow.
 */
export const WITHIN_MS = 20_000
const POLL_EVERY_MS = 15

/**
 * Asks `read` again and again until `holds` is satisfied by its answer, and returns that answer.
 *
 * @template T
 * @param {string} what what is awaited, in words, for the error
 * @param {() => T | Promise<T>} read
 * @param {(value: T) => boolean} holds
 * @param {number} [within_ms]
 * @returns {Promise<T>}
 */
export async function until(what, read, holds, within_ms = WITHIN_MS) {
  const deadline = performance.now() + within_ms
  for (;;) {
    const value = await read()
    if (holds(value)) return value
    if (performance.now() > deadline) {
      throw new Error(`waited ${within_ms} ms for: ${what}\nlast seen: ${JSON.stringify(value, null, 2)}`)
    }
    await pause(POLL_EVERY_MS)
  }
}

/**
 * The value of `promise`, or an error naming `what` when it takes longer than `within_ms`.
 *
 * @template T
 * @param {string} what
 * @param {Promise<T>} promise
 * @param {number} [within_ms]
 * @returns {Promise<T>}
 */
export async function inTime(what, promise, within_ms = WITHIN_MS) {
  const stop = new AbortController()
  const late = pause(within_ms, undefined, { signal: stop.signal }).then(() => {
    throw new Error(`waited ${within_ms} ms for: ${what}`)
  })
  late.catch(() => {}) // The loser of the race is aborted below; nobody else listens to it.
  try {
    return await Promise.race([promise, late])
  } finally {
    stop.abort()
  }
}
