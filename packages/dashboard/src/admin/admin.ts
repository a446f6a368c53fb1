// The admin API, called from this page with the ticket cookie of its session.
//
// Invariants: the secret is sent in one request and stored nowhere; a call that finds the session ended calls `onSignedOut`,
// and fails.

import type {
  ChangedRule, ConnectionPage, ConnectionQuery, History, Nodes, Pages, Refusals, Release, Releases, RuleAnswer, RuleChange, RuleRequest, Rules,
} from './answers.js'

/** A request that did not do what was asked. `message` is for people and says what to do next. */
export class AdminError extends Error {
  /** `0`: no answer. */
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.name = 'AdminError'
    this.status = status
  }
}

/** What the board asks of the server. Every call fails with an {@link AdminError}, or with the signal's reason. */
export interface Admin {
  signIn(secret: string): Promise<void>
  signOut(): Promise<void>
  releases(signal?: AbortSignal): Promise<Releases>
  announce(version: string): Promise<Release>
  pages(limit: number, signal?: AbortSignal): Promise<Pages>
  history(from: number, step_ms: number, signal?: AbortSignal): Promise<History>
  connections(query: ConnectionQuery, signal?: AbortSignal): Promise<ConnectionPage>
  refusals(signal?: AbortSignal): Promise<Refusals>
  rules(signal?: AbortSignal): Promise<Rules>
  /** Fails on a server without a cluster. */
  nodes(signal?: AbortSignal): Promise<Nodes>
  invalidate(rule: RuleRequest, signal?: AbortSignal): Promise<RuleAnswer>
  /** Pauses a rule in waves, lets it go on, or ends it; or lets a rule ask for more. */
  change(id: number, change: RuleChange): Promise<ChangedRule>
  lift(id: number): Promise<void>
}

interface Call {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly body?: object
  readonly signal?: AbortSignal | undefined
}

/** The API below `base`. */
export function createAdmin(base: string, onSignedOut: () => void): Admin {
  async function call<Answer>(endpoint: string, call: Call = {}): Promise<Answer> {
    try {
      return await ask<Answer>(`${base}/${endpoint}`, call)
    } catch (error) {
      if (error instanceof AdminError && error.status === 401 && endpoint !== 'session') onSignedOut()
      throw error
    }
  }
  return {
    async signIn(secret) { await call('session', { method: 'POST', body: { secret } }) },
    async signOut() { await call('session', { method: 'DELETE' }) },
    releases: (signal) => call('releases', { signal }),
    announce: (version) => call('releases', { method: 'POST', body: { version } }),
    pages: (limit, signal) => call(`pages?${query({ limit })}`, { signal }),
    history: (from, step_ms, signal) => call(`history?${query({ from: Math.round(from), step: step_ms })}`, { signal }),
    connections: (asked, signal) => call(`connections?${query({ ...asked })}`, { signal }),
    refusals: (signal) => call('refusals', { signal }),
    rules: (signal) => call('invalidations', { signal }),
    nodes: (signal) => call('nodes', { signal }),
    invalidate: (rule, signal) => call('invalidations', { method: 'POST', body: rule, signal }),
    change: (id, change) => call(`invalidations/${id}`, { method: 'PATCH', body: change }),
    async lift(id) { await call(`invalidations/${id}`, { method: 'DELETE' }) },
  }
}

/** Without what is empty. */
function query(fields: Readonly<Record<string, string | number>>): string {
  return new URLSearchParams(Object.entries(fields).flatMap(([name, value]) => value === '' ? [] : [[name, String(value)]])).toString()
}

async function ask<Answer>(url: string, { method = 'GET', body, signal }: Call): Promise<Answer> {
  const answer = await fetch(url, {
    method, credentials: 'same-origin', cache: 'no-store', signal: signal ?? null,
    ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  }).catch((error: unknown) => {
    throw signal?.aborted ? error : new AdminError(0, 'The server does not answer. Trying again may help.')
  })
  const said = parse(await answer.text())
  if (!answer.ok) throw new AdminError(answer.status, messageOf(said) ?? `The server answered ${answer.status} and did not say why.`)
  return said as Answer
}

/** Objects come without inherited keys: a build may be called `constructor`. `null` if it is not JSON. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text, (_, value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.setPrototypeOf(value, null) : value)
  } catch {
    return null
  }
}

function messageOf(said: unknown): string | null {
  const { error } = (said ?? {}) as { error?: { message?: unknown } }
  return typeof error?.message === 'string' ? error.message : null
}
