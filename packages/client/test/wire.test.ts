// The cases of the protocol for what goes over the wire: event streams, and what a client says in the life of a tab.

import { describe, expect, test } from 'vitest'

import sessions from '../../../protocol/vectors/sessions.json' with { type: 'json' }
import sse from '../../../protocol/vectors/sse.json' with { type: 'json' }
import { newSession, reduce, type Session, type SessionEvent } from '../src/session.js'

/** The messages of an event stream, as the HTML standard reads it. */
function messages(stream: string): string[] {
  const found: string[] = []
  let data: string[] = []
  for (const line of stream.split(/\r\n|\r|\n/)) {
    if (line === '' && data.length > 0) found.push(data.join('\n'))
    if (line === '') data = []
    const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line) ?? []
    if (name === 'data') data.push(value ?? '')
  }
  return found
}

describe('an event stream', () => {
  test.each(sse.cases)('$name', ({ bytes, data }) => {
    expect(messages(bytes)).toEqual(data)
  })
})

describe('the life of a tab', () => {
  test.each(sessions.cases)('$name', ({ events, sends }) => {
    let session: Session = newSession('websocket', false, '/', '')
    const sent = (events as SessionEvent[]).flatMap((event) => {
      const [next, effects] = reduce(session, event, 0.5)
      session = next
      return effects.flatMap((effect) => effect.type === 'send' ? [effect.message] : [])
    })
    expect(sent).toEqual(sends)
  })
})
