// Whether WebSocket gets through, found out beside an SSE stream that is open: a pure function of what it is and what happened.
//
// A browser does not say why a WebSocket does not open: the server restarts, drains or is full, the network changes, or
// something in between blocks WebSockets. Only the last is worth remembering. So a tab that had to begin with SSE
// probes: it tries a WebSocket beside that stream. If it opens, it replaces the stream. If not, the client sends a
// plain request without a handshake; the answer 426 means that the server would accept a handshake. A server that was
// away a moment ago answers that too, so the second handshake counts, between two such answers.
//
// Invariant: WebSocket is barred only if it was refused while the stream and a plain request got through.

/** Handshakes that fail, each with a server that would have taken it. */
const TRIES = 2
const UPGRADE_REQUIRED = 426
const REPLACED = 4409
/** What `returnAfter` takes for: come back soon. */
const SOON = 1012

/** How far it is. `trying`: a WebSocket is opening; `asking`: one did not; `open`: it has taken the place of the stream. */
export interface Knock {
  readonly phase: 'before' | 'trying' | 'asking' | 'open' | 'over'
  readonly tries: number
  /** Whether the server has taken a WebSocket, which has not said so. */
  readonly isReplaced: boolean
}

/** `connected`: the stream is open. `opened` and `failed`: the WebSocket. `answered`: with the status, or nothing. `ended`: what the link goes over. */
export type KnockEvent =
  | { readonly type: 'connected' | 'opened' | 'failed' }
  | { readonly type: 'answered'; readonly status: number | null }
  | { readonly type: 'ended'; readonly code: number | null }

/** Actions: `try` a WebSocket, `ask` the server, `switch` to the WebSocket, remember that it is blocked (`bar`), `end` the link. */
export type KnockEffect =
  | { readonly type: 'try' | 'ask' | 'switch' | 'bar' }
  | { readonly type: 'end'; readonly code: number | null }

/** What it is now, and what to do. */
export type KnockStep = readonly [Knock, readonly KnockEffect[]]

/** A stream that is not open yet. */
export const BEFORE: Knock = { phase: 'before', tries: 0, isReplaced: false }

/** The step that `event` leads to. */
export function knocked(knock: Knock, event: KnockEvent): KnockStep {
  const { phase, tries, isReplaced } = knock
  const isUnderWay = phase === 'trying' || phase === 'asking'
  switch (event.type) {
    case 'connected': return phase === 'before' ? attempt(knock) : [knock, []]
    case 'opened': return phase === 'trying' ? [{ ...knock, phase: 'open' }, [{ type: 'switch' }]] : [knock, []]
    case 'failed':
      if (phase !== 'trying') return [knock, []]
      return isReplaced ? over(knock, { type: 'end', code: SOON }) : [{ ...knock, phase: 'asking' }, [{ type: 'ask' }]]
    case 'answered':
      if (phase !== 'asking') return [knock, []]
      if (isReplaced) return over(knock, { type: 'end', code: SOON })
      if (event.status !== UPGRADE_REQUIRED) return over(knock)
      return tries < TRIES ? attempt(knock) : over(knock, { type: 'bar' })
    case 'ended':
      if (isUnderWay && event.code === REPLACED) return [{ ...knock, isReplaced: true }, []]
      return over(knock, { type: 'end', code: event.code })
  }
}

function attempt(knock: Knock): KnockStep {
  return [{ ...knock, phase: 'trying', tries: knock.tries + 1 }, [{ type: 'try' }]]
}

function over(knock: Knock, ...effects: KnockEffect[]): KnockStep {
  return [{ ...knock, phase: 'over' }, effects]
}
