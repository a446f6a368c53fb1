// Acts on what `knock.ts` says: a stream beside which a WebSocket is tried, and which goes on over that where it opens.
//
// The tab is counted all the time: the WebSocket replaces the stream at the server, because both have the same `tab`.
// What the client sent since then is sent again, because the session gets a second `connected`.

import { BEFORE, knocked, type KnockEffect, type KnockEvent } from './knock.js'
import type { Connect, Link } from './link.js'
import { parse } from './signs.js'

/** A WebSocket that has not said anything by then does not get through, milliseconds. */
const OPEN_MS = 8_000
/** When a WebSocket last failed to get through, milliseconds since the Unix epoch. The pages of the tab begin with SSE then. */
const KEY = 'headcount.sse'
/** How long this is trusted, so that no WebSocket is tried beside the stream, milliseconds. */
const BELIEVED_MS = 3_600_000

/** Opens a stream over `connect`, and tries `websocket` beside it, if wanted and not known to be blocked. */
export function beside(connect: Connect, websocket: Connect): Connect {
  return (base, query, events) => {
    const { memory } = events
    if (!memory || Math.abs(Date.now() - Number(memory.read(KEY))) < BELIEVED_MS) return connect(base, query, events)
    /** What the WebSocket is opened with: what the stream was, and what it was given to bring back. */
    const asked = new URLSearchParams(query)
    let knock = BEFORE
    let rival: Link | null = null
    let timer: ReturnType<typeof setTimeout>
    let isClosed = false
    let link = connect(base, query, {
      received(text) {
        events.received(text)
        const { type, resume } = parse(text)
        if (type !== 'connected') return
        if (resume !== undefined) asked.set('since', String(resume))
        asked.delete('reloaded')
        happened({ type: 'connected' })
      },
      ended(code) { happened({ type: 'ended', code }) },
    })

    function happened(event: KnockEvent): void {
      if (isClosed) return
      const [next, effects] = knocked(knock, event)
      knock = next
      effects.forEach(act)
    }

    function act(effect: KnockEffect): void {
      switch (effect.type) {
        case 'try': open(); break
        case 'ask': ask(); break
        case 'switch':
          link.close()
          link = rival ?? link
          rival = null
          break
        case 'bar': if (memory) memory.write(KEY, `${Date.now()}`); break
        case 'end':
          close()
          events.ended(effect.code)
      }
    }

    function open(): void {
      const failed = (): void => {
        drop()
        happened({ type: 'failed' })
      }
      timer = setTimeout(failed, OPEN_MS)
      try {
        const socket = rival = websocket(base, asked, {
          received(text) {
            clearTimeout(timer)
            happened({ type: 'opened' })
            events.received(text)
          },
          ended(code) { if (link === socket) happened({ type: 'ended', code }); else failed() },
        })
      } catch {
        queueMicrotask(failed) // Forbidden by a policy of the page.
      }
    }

    /** What the server says without a handshake. */
    function ask(): void {
      const answer = fetch(new URL('ws', base), { cache: 'no-store', credentials: 'include', signal: AbortSignal.timeout(OPEN_MS) })
      answer.then(({ status }) => status, () => null).then((status) => { happened({ type: 'answered', status }) }, () => {})
    }

    function drop(): void {
      clearTimeout(timer)
      rival?.close()
      rival = null
    }

    function close(): void {
      isClosed = true
      drop()
      link.close()
    }

    return { close, send(message, connectionId) { link.send(message, connectionId) } }
  }
}
