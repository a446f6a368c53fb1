import { describe, expect, test } from 'vitest'

import type { KnownMessage } from '../src/messages.js'
import { HIDDEN_FAILURES_MAX, newSession, reduce, type Effect, type Session, type SessionEvent } from '../src/session.js'

const CONNECTED: KnownMessage = { type: 'connected', version: 'v2', connectionId: 'id', timestamp: 0 }

/** A session to which things happen one after the other; keeps the effects of the last. */
class Story {
  session: Session
  effects: readonly Effect[] = []
  chance = 0.5

  constructor(transport: 'sse' | 'websocket' = 'websocket', mayChange = true) {
    this.session = newSession(transport, mayChange, '/')
  }

  then(...events: SessionEvent[]): this {
    for (const event of events) [this.session, this.effects] = reduce(this.session, event, this.chance)
    return this
  }

  open(): this {
    return this.then({ type: this.session.phase === 'idle' ? 'start' : 'due' }).hears(CONNECTED)
  }

  hears(known: KnownMessage, resume: string | null = null): this {
    return this.then({ type: 'received', attempt: this.session.attempt, known, resume })
  }

  ends(code: number | null = null, wasBrief = false): this {
    return this.then({ type: 'ended', attempt: this.session.attempt, code, wasBrief })
  }

  get phase() { return this.session.phase }
  get wait() { return this.effects.find((effect) => effect.type === 'wait')?.ms }
  get said() { return this.effects.flatMap((effect) => effect.type === 'send' ? [effect.message] : []) }
  get opened() { return this.effects.find((effect) => effect.type === 'open') }
}

describe('coming back', () => {
  test('with the page shown now, not the first one', () => {
    const story = new Story().open().then({ type: 'navigated', route: '/cart' }).ends().then({ type: 'navigated', route: '/checkout' }, { type: 'due' })
    expect(story.opened).toMatchObject({ route: '/checkout', attempt: 2 })
    expect(story.hears(CONNECTED).said).toEqual([])
  })

  test('a navigation on the way is said once the stream is open', () => {
    const story = new Story().then({ type: 'start' }, { type: 'navigated', route: '/cart' })
    expect(story.said).toEqual([])
    expect(story.hears(CONNECTED).said).toEqual([{ type: 'route-update', route: '/cart' }])
  })

  test('with what the server gave to bring back', () => {
    const story = new Story('sse').then({ type: 'start' }).hears(CONNECTED, '17').hears({ type: 'keepalive' }).ends().then({ type: 'due' })
    expect(story.opened).toMatchObject({ resume: '17' })
  })

  test('with growing windows, for ever, and from the beginning after success', () => {
    const story = new Story().then({ type: 'start' })
    const waits = Array.from({ length: 8 }, () => {
      const wait = story.ends().wait
      story.then({ type: 'due' })
      return wait
    })
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000, 15_000])
    expect(story.hears(CONNECTED).ends().wait).toBe(500)
  })

  test('ever later to a server that opens each stream only to end it, as it does for crawlers', () => {
    const story = new Story().open()
    expect(story.ends(1000, true).wait).toBe(1_000)
    expect(story.open().ends(1000, true).wait).toBe(2_000)
    expect(story.open().ends(1000).wait).toBe(500)
  })

  test('soon after a code that says so, and never after one that forbids it', () => {
    const story = new Story().then({ type: 'start' }).ends().then({ type: 'due' })
    expect(story.ends(1012).wait).toBe(500)
    expect(story.then({ type: 'due' }).ends(4409).phase).toBe('closed')
    expect(story.then({ type: 'online' }, { type: 'shown' }, { type: 'due' }, { type: 'start' }).phase).toBe('closed')
  })

  test('when the server says so, while the old stream is still open or already gone', () => {
    const hint: KnownMessage = { type: 'reconnect', after: 1_500 }
    const open = new Story().open().hears(hint)
    expect([open.phase, open.wait]).toEqual(['open', 1_500])
    expect(open.then({ type: 'due' }).effects.map(({ type }) => type)).toEqual(['close', 'open'])
    const gone = new Story().open().hears(hint).ends(1001)
    expect(gone.wait).toBeUndefined() // The one that was announced still runs.
    expect(gone.then({ type: 'due' }).opened).toBeDefined()
  })

  test('what an abandoned attempt tells is ignored', () => {
    const story = new Story().open().ends().then({ type: 'due' })
    expect(story.then({ type: 'received', attempt: 1, known: CONNECTED, resume: null }).phase).toBe('connecting')
    expect(story.then({ type: 'ended', attempt: 1, code: 4409, wasBrief: false }).phase).toBe('connecting')
  })
})

describe('pauses', () => {
  test('offline: no attempt, and one soon after', () => {
    const story = new Story().open().then({ type: 'offline' })
    expect(story.phase).toBe('open')
    expect(story.ends().phase).toBe('paused')
    expect(story.then({ type: 'due' }).opened).toBeUndefined()
    expect(story.then({ type: 'online' }).wait).toBe(500)
  })

  test('hidden for long without a server', () => {
    const story = new Story().open().then({ type: 'hidden' }).ends()
    for (let failures = 0; failures < HIDDEN_FAILURES_MAX - 1; failures += 1) story.then({ type: 'due' }).ends()
    expect(story.phase).toBe('waiting')
    expect(story.then({ type: 'due' }).ends().phase).toBe('paused')
    expect(story.then({ type: 'shown' }).phase).toBe('waiting')
  })

  test('in the back/forward cache: gives the link up, and takes it up at once', () => {
    const story = new Story().open().then({ type: 'left' })
    expect(story.effects.map(({ type }) => type)).toEqual(['stop-waiting', 'close'])
    expect(story.then({ type: 'navigated', route: '/b' }, { type: 'online' }).phase).toBe('paused')
    expect(story.then({ type: 'back' }).wait).toBe(0)
    expect(story.then({ type: 'due' }).opened).toMatchObject({ route: '/b' })
  })

  test('after sleep an open WebSocket is asked whether it lives', () => {
    const story = new Story().open().then({ type: 'doubted' })
    expect(story.said).toEqual([{ type: 'ping' }])
    expect(story.then({ type: 'late', attempt: story.session.attempt }).phase).toBe('waiting')
  })
})

describe('the other transport', () => {
  test('is tried when the server answers but the stream does not get through', () => {
    const story = new Story('websocket').then({ type: 'start' }).ends(1006)
    expect(story.effects).toContainEqual({ type: 'probe', attempt: 1 })
    expect(story.then({ type: 'reachable', attempt: 1 }, { type: 'due' }).opened).toMatchObject({ transport: 'sse' })
  })

  test('is tried when a proxy swallows the stream', () => {
    const story = new Story('sse').then({ type: 'start' }, { type: 'late', attempt: 1 }, { type: 'reachable', attempt: 1 }, { type: 'due' })
    expect(story.opened).toMatchObject({ transport: 'websocket' })
  })

  test('is left alone while the server is away, once the stream was open, and where one was asked for', () => {
    expect(new Story().then({ type: 'start' }).ends().then({ type: 'due' }).opened).toMatchObject({ transport: 'websocket' })
    expect(new Story().open().ends().effects.map(({ type }) => type)).not.toContain('probe')
    expect(new Story('sse', false).then({ type: 'start' }).ends().effects.map(({ type }) => type)).not.toContain('probe')
  })

  test('is not changed to by an answer that comes too late', () => {
    const story = new Story().then({ type: 'start' }).ends().then({ type: 'due' }, { type: 'reachable', attempt: 1 })
    expect(story.session.transport).toBe('websocket')
  })
})

describe('stats', () => {
  test('are asked for on each stream anew', () => {
    const story = new Story().then({ type: 'subscribe' }).open()
    expect(story.said).toEqual([{ type: 'subscribe-stats' }])
    expect(story.ends().open().said).toEqual([{ type: 'subscribe-stats' }])
    expect(story.then({ type: 'unsubscribe' }).said).toEqual([{ type: 'unsubscribe-stats' }])
    expect(story.ends().open().said).toEqual([])
  })

  test('end over SSE with the stream', () => {
    expect(new Story('sse').then({ type: 'subscribe' }).open().then({ type: 'unsubscribe' }).opened).toBeDefined()
  })
})
