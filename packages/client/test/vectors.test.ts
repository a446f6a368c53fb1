// The cases of the protocol for what a client does by itself: when it comes back and with what, and when it refreshes.

import { describe, expect, test } from 'vitest'

import backoff from '../../../protocol/vectors/backoff.json' with { type: 'json' }
import refresh from '../../../protocol/vectors/refresh.json' with { type: 'json' }
import resume from '../../../protocol/vectors/resume.json' with { type: 'json' }
import transport from '../../../protocol/vectors/transport.json' with { type: 'json' }
import { wait_ms } from '../src/backoff.js'
import { read } from '../src/messages.js'
import { newRefresh, refreshed, type RefreshEvent, type RefreshSettings } from '../src/refresh.js'
import { newSession, reduce, type Effect, type Session, type SessionEvent } from '../src/session.js'
import { BEFORE, knocked, type KnockEvent } from '../src/transport/knock.js'

describe('how long to wait', () => {
  test.each(backoff.cases)('$name', ({ failures, chance, ms }) => {
    expect(wait_ms(failures, chance)).toBe(ms)
  })
})

describe('what to bring back', () => {
  test.each(resume.cases)('$name', ({ messages, since }) => {
    let session: Session = newSession('websocket', false, '/', '')
    let effects: readonly Effect[] = []
    const step = (event: SessionEvent): void => { [session, effects] = reduce(session, event, 0) }
    const comeBack = (): void => {
      step({ type: 'ended', attempt: session.attempt, code: null, wasBrief: false })
      step({ type: 'due' })
    }
    step({ type: 'start' })
    for (const message of messages) {
      const known = read(JSON.stringify(message))?.known
      if (!known) throw new Error('no message that a client knows')
      if (known.type === 'connected' && session.phase === 'open') comeBack()
      step({ type: 'received', known })
    }
    comeBack()
    expect(effects.flatMap((effect) => effect.type === 'open' ? [effect.query['since'] ?? null] : [])).toEqual([since])
  })
})

describe('a refresh', () => {
  test.each(refresh.cases)('$name', ({ settings, steps }) => {
    let state = newRefresh(settings as RefreshSettings)
    for (const { at, event, expect: expected, ...more } of steps) {
      const sight = { now: at, chance: 0.5, reasons: [], isHidden: false, isOnline: true, ...'sight' in more ? more.sight as object : {} }
      const [next, effects] = refreshed(state, event as RefreshEvent, sight)
      expect(effects).toEqual(expected)
      state = next
    }
  })
})

describe('whether WebSocket gets through', () => {
  test.each(transport.cases)('$name', ({ steps }) => {
    let knock = BEFORE
    for (const { event, expect: expected } of steps) {
      const [next, effects] = knocked(knock, event as KnockEvent)
      expect(effects).toEqual(expected)
      knock = next
    }
  })
})
