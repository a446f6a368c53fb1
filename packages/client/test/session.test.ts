import { describe, expect, test } from 'vitest'

import type { ClientMessage, Connected, KnownMessage } from '../src/messages.js'
import { HIDDEN_FAILURES_MAX, newSession, reduce, type Effect, type Session, type SessionEvent } from '../src/session.js'

const CONNECTED: Connected = { type: 'connected', version: 'v2', connectionId: 'id', timestamp: 0 }

/** A session to which things happen one after the other; keeps the effects of the last. */
class Story {
  session: Session
  effects: readonly Effect[] = []
  chance = 0.5

  constructor(transport: 'sse' | 'websocket' = 'websocket', mayChange = true, reloaded = '') {
    this.session = newSession(transport, mayChange, '/', reloaded)
  }

  then(...events: SessionEvent[]): this {
    for (const event of events) [this.session, this.effects] = reduce(this.session, event, this.chance)
    return this
  }

  open(): this {
    return this.then({ type: this.session.phase === 'idle' ? 'start' : 'due' }).hears(CONNECTED)
  }

  hears(known: KnownMessage): this {
    return this.then({ type: 'received', known })
  }

  ends(code: number | null = null, wasBrief = false): this {
    return this.then({ type: 'ended', attempt: this.session.attempt, code, wasBrief })
  }

  get phase() { return this.session.phase }
  get wait() { return this.effects.find((effect) => effect.type === 'wait')?.ms }
  get said() { return this.effects.flatMap((effect) => effect.type === 'send' ? [effect.message] : []) }
  get opened() { return this.effects.find((effect) => effect.type === 'open')?.query }
}

describe('coming back', () => {
  test('with the page shown now, not the first one', () => {
    const story = new Story().open().then({ type: 'navigated', route: '/cart' }).ends().then({ type: 'navigated', route: '/checkout' }, { type: 'due' })
    expect(story.opened).toEqual({ route: '/checkout' })
    expect(story.session.attempt).toBe(2)
    expect(story.hears(CONNECTED).said).toEqual([])
  })

  test('a navigation on the way is said once the stream is open', () => {
    const story = new Story().then({ type: 'start' }, { type: 'navigated', route: '/cart' })
    expect(story.said).toEqual([])
    expect(story.hears(CONNECTED).said).toEqual([{ type: 'route-update', route: '/cart' }])
  })

  test('with what the server gave to bring back', () => {
    const story = new Story().then({ type: 'start' })
    expect(story.opened).toEqual({ route: '/' })
    expect(story.hears({ ...CONNECTED, resume: '17' }).ends().then({ type: 'due' }).opened).toEqual({ route: '/', since: '17' })
    expect(story.hears(CONNECTED).ends().then({ type: 'due' }).opened).toEqual({ route: '/', since: '17' })
  })

  test('and with the commands that it was sent since', () => {
    const story = new Story().then({ type: 'start' }).hears({ ...CONNECTED, resume: '17' })
    story.hears({ type: 'version', version: 'v2', id: 18 })
    for (const id of [19, 20, 19]) story.hears({ type: 'version', version: 'v2', force: true, id })
    story.hears({ type: 'version', version: 'v2', prompt: true, id: 21 })
    expect(story.ends().then({ type: 'due' }).opened).toMatchObject({ since: '17;19,20,21' })
    story.hears({ ...CONNECTED, resume: '17;20' }).hears({ type: 'version', version: 'v2', force: true, id: 22 })
    expect(story.ends().then({ type: 'due' }).opened).toMatchObject({ since: '17;20,22' })
  })

  test('with as many of those as fit into a request', () => {
    const story = new Story().then({ type: 'start' }).hears({ ...CONNECTED, resume: '0' })
    for (let id = 1; id <= 520; id += 1) story.hears({ type: 'version', version: 'v2', force: true, id })
    const since = story.ends().then({ type: 'due' }).opened?.['since']
    expect(since?.split(',')).toHaveLength(512)
    expect(since).toMatch(/^0;9,.*,520$/)
  })

  test('with nothing where the server gave nothing', () => {
    const story = new Story().then({ type: 'start' }).hears(CONNECTED).hears({ type: 'version', version: 'v2', force: true, id: 19 })
    expect(story.ends().then({ type: 'due' }).opened).toEqual({ route: '/' })
  })

  test('with the commands that the page was reloaded for, until a stream is open', () => {
    const story = new Story('sse', true, '17,19').then({ type: 'start' })
    expect(story.opened).toMatchObject({ reloaded: '17,19' })
    expect(story.ends().then({ type: 'due' }).opened).toMatchObject({ reloaded: '17,19' })
    expect(story.hears(CONNECTED).ends().then({ type: 'due' }).opened).toEqual({ route: '/' })
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
    expect(story.then({ type: 'due' }).ends(4400).phase).toBe('closed')
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

  test('offline on the way: gives the attempt up instead of waiting for its end', () => {
    const story = new Story().then({ type: 'start' }, { type: 'offline' })
    expect([story.phase, story.effects]).toEqual(['paused', [{ type: 'close' }]])
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
    expect(story.effects.map(({ type }) => type)).toEqual(['close'])
    expect(story.then({ type: 'navigated', route: '/b' }, { type: 'online' }).phase).toBe('paused')
    expect(story.then({ type: 'back' }).wait).toBe(0)
    expect(story.then({ type: 'due' }).opened).toMatchObject({ route: '/b' })
  })

  test('after sleep an open WebSocket is asked whether it lives', () => {
    const story = new Story().open().then({ type: 'doubted' })
    expect(story.said).toEqual([{ type: 'ping' }])
    expect(story.then({ type: 'ended', attempt: story.session.attempt, code: null, wasBrief: false }).phase).toBe('waiting')
  })
})

describe('the other transport', () => {
  test('is tried when the server answers but the stream does not get through', () => {
    const story = new Story('websocket').then({ type: 'start' }).ends(1006)
    expect(story.effects).toContainEqual({ type: 'probe' })
    expect(story.then({ type: 'reachable', attempt: 1 }, { type: 'due' }).session.transport).toBe('sse')
  })

  test('is tried when a proxy swallows the stream', () => {
    const story = new Story('sse').then({ type: 'start' }, { type: 'ended', attempt: 1, code: null, wasBrief: false }, { type: 'reachable', attempt: 1 }, { type: 'due' })
    expect(story.opened).toBeDefined()
    expect(story.session.transport).toBe('websocket')
  })

  test('has taken over where an open stream says connected again: the client says again what it had told the earlier stream', () => {
    const story = new Story('sse').open().then({ type: 'navigated', route: '/cart' }, { type: 'hidden' }, { type: 'subscribe', connections: true })
    story.hears({ ...CONNECTED, connectionId: 'other' })
    expect(story.said).toEqual([
      { type: 'route-update', route: '/cart' }, { type: 'visibility', state: 'hidden' }, { type: 'subscribe-stats', delta: true, connections: true },
    ])
    expect([story.session.transport, story.session.connectionId, story.phase]).toEqual(['websocket', 'other', 'open'])
  })

  test('is left alone while the server is away, once the stream was open, and where one was asked for', () => {
    expect(new Story().then({ type: 'start' }).ends().then({ type: 'due' }).session.transport).toBe('websocket')
    expect(new Story().open().ends().effects.map(({ type }) => type)).not.toContain('probe')
    expect(new Story('sse', false).then({ type: 'start' }).ends().effects.map(({ type }) => type)).not.toContain('probe')
  })

  test('is not changed to by an answer that comes too late', () => {
    const story = new Story().then({ type: 'start' }).ends().then({ type: 'due' }, { type: 'reachable', attempt: 1 })
    expect(story.session.transport).toBe('websocket')
  })
})

describe('stats', () => {
  const rows: ClientMessage = { type: 'subscribe-stats', delta: true, connections: true }

  test('are asked for again on each stream', () => {
    const story = new Story().then({ type: 'subscribe', connections: true }).open()
    expect(story.said).toEqual([rows])
    expect(story.ends().open().said).toEqual([rows])
    expect(story.then({ type: 'subscribe', connections: null }).said).toEqual([{ type: 'unsubscribe-stats' }])
    expect(story.ends().open().said).toEqual([])
  })

  test('are asked for in another form on the same stream', () => {
    const story = new Story('sse').open().then({ type: 'subscribe', connections: false })
    expect(story.said).toEqual([{ ...rows, connections: false }])
    expect(story.then({ type: 'subscribe', connections: true }).said).toEqual([rows])
  })
})

describe('whether somebody sees the tab', () => {
  test('is said when it changes, and only then', () => {
    const story = new Story('sse').open().then({ type: 'hidden' })
    expect(story.said).toEqual([{ type: 'visibility', state: 'hidden' }])
    expect(story.then({ type: 'hidden' }).said).toEqual([])
    expect(story.then({ type: 'shown' }).said).toEqual([{ type: 'visibility', state: 'visible' }])
  })

  test('is said at open where nobody does', () => {
    const story = new Story().then({ type: 'hidden' }, { type: 'start' })
    expect(story.opened).toEqual({ route: '/', visibility: 'hidden' })
    expect(story.hears(CONNECTED).said).toEqual([])
    expect(story.then({ type: 'shown' }, { type: 'ended', attempt: 1, code: null, wasBrief: false }, { type: 'due' }).opened).toEqual({ route: '/' })
  })

  test('is said once the stream is open where it changed on the way', () => {
    const story = new Story().then({ type: 'start' }, { type: 'hidden' })
    expect(story.said).toEqual([])
    expect(story.hears(CONNECTED).said).toEqual([{ type: 'visibility', state: 'hidden' }])
  })
})

describe('a tab whose id another one has', () => {
  const replaced = (attempt: number): SessionEvent => ({ type: 'ended', attempt, code: 4409, wasBrief: false })

  test('takes another and comes back once', () => {
    const story = new Story().open().then(replaced(1))
    expect(story.effects.map(({ type }) => type)).toEqual(['rename', 'wait'])
    expect(story.then({ type: 'due' }).session.phase).toBe('connecting')
    story.then({ type: 'received', known: CONNECTED }, replaced(2))
    expect(story.session.phase).toBe('closed')
  })

  test('may have to do so again once it was left, since its id lay where a copy finds it', () => {
    const story = new Story().open().then(replaced(1), { type: 'left' }, { type: 'back' }, { type: 'due' })
    story.then({ type: 'received', known: CONNECTED }, replaced(story.session.attempt))
    expect(story.session.phase).toBe('waiting')
  })
})
