// Signs of life over SSE: what a browser does by itself on a WebSocket, this does by POST.
//
// The query promises them (`alive`), and the client answers each `keepalive` with one. So a tab that is gone leaves the
// counts in time, also behind a proxy. One that fails is tried again until the next is due. If none gets through
// although the stream does, because something in between blocks POST, the server would close one stream after the
// other: then the next streams of this page load promise nothing.

import type { ClientMessage } from '../messages.js'

/** Between two tries, milliseconds. */
const AGAIN_MS = 5_000
/** Streams in a row that ended while no sign got through. The first may have ended with the network. */
const FAILURES_MAX = 2
/** Where waiting helps: a server that is slow, busy, or not there right now. */
const MAY_PASS = [408, 425, 429]

/** By base: how many streams in a row ended while no sign got through. */
const failures = new Map<string, number>()
let hasWarned = false

/** The signs of one stream. */
export interface Signs {
  readonly received: (text: string) => void
  /** The stream has ended by itself. */
  readonly ended: () => void
  /** Says no more. */
  readonly stop: () => void
}

/** Those of the stream with this query, which loses its promise where it could not be kept. `refused`: the stream must be opened without it. */
export function createSigns(
  base: URL, query: URLSearchParams, post: (message: ClientMessage, connectionId: string) => Promise<Response>, refused: () => void,
): Signs {
  const { href } = new URL('message', base)
  const failed = (): number => failures.get(href) ?? 0
  const owes = failed() < FAILURES_MAX
  if (!owes) query.delete('alive')
  let connectionId = ''
  /** Counts keepalives: what answers an earlier one gives up. */
  let turn = 0
  /** How the last try of the last sign failed. */
  let failure = ''

  async function live(): Promise<void> {
    turn += 1
    for (const mine = turn; mine === turn;) {
      const status = await attempt()
      if (status === 0) failures.delete(href)
      if (status === 0 || mine !== turn) return
      if (status > 399 && status < 500 && !MAY_PASS.includes(status)) {
        fail(FAILURES_MAX)
        return refused()
      }
      await new Promise((resolve) => { setTimeout(resolve, AGAIN_MS) })
    }
  }

  /** 0 if it got through, else the status of its answer, or -1 without an answer. */
  async function attempt(): Promise<number> {
    failure = 'no answer'
    try {
      const answer = await post({ type: 'alive' }, connectionId)
      failure = `status ${answer.status}`
      const { ok } = await answer.json() as { ok?: boolean }
      if (ok) failure = ''
      return ok ? 0 : answer.status
    } catch {
      return -1
    }
  }

  function fail(times: number): void {
    failures.set(href, times)
    if (times < FAILURES_MAX || hasWarned) return
    hasWarned = true
    console.warn(`headcount: POST ${href} does not get through (${failure}). This tab may be counted for long after it is gone.`)
  }

  return {
    received(text) {
      const { type, connectionId: given } = parse(text)
      if (type === 'connected') connectionId = String(given)
      if (type === 'keepalive' && owes) void live()
    },
    ended() { if (failure) fail(failed() + 1) },
    stop() { turn += 1 },
  }
}

/** The object that `text` is, or an empty one. */
export function parse(text: string): { type?: unknown; connectionId?: unknown; resume?: unknown } {
  try {
    return JSON.parse(text) as object | null ?? {}
  } catch {
    return {}
  }
}
