// The cases of the protocol for what the admin API answers, as the board reads them.

import { afterEach, describe, expect, test, vi } from 'vitest'

import vectors from '../../../protocol/vectors/admin-answers.json' with { type: 'json' }
import { AdminError, createAdmin, type Admin } from '../src/admin/admin.js'

/** The call that gets an answer of each type that the board asks for. */
const CALLS: Readonly<Partial<Record<string, (admin: Admin) => Promise<unknown>>>> = {
  ConnectionsAnswer: (admin) => admin.connections({ route: '', version: '', limit: 10, cursor: '' }),
  PagesAnswer: (admin) => admin.pages(10),
  HistoryAnswer: (admin) => admin.history(0, 1_000),
  RefusalsAnswer: (admin) => admin.refusals(),
  ReleasesAnswer: (admin) => admin.releases(),
  ReleaseEntry: (admin) => admin.announce('v2'),
  InvalidationsAnswer: (admin) => admin.rules(),
  ChangeAnswer: (admin) => admin.change(17, { state: 'paused' }),
  InvalidationAnswer: (admin) => admin.invalidate({ match: { exact: '/' }, audience: 'all', mode: 'force', expires: 60, dryRun: true }),
}

function answering(status: number, answer: unknown): Admin {
  vi.stubGlobal('fetch', async () => new Response(JSON.stringify(answer), { status }))
  return createAdmin('/api/admin', () => {})
}

afterEach(() => { vi.unstubAllGlobals() })

describe('an answer of the admin API', () => {
  test.each(vectors.cases.filter(({ type }) => CALLS[type]))('$name', async ({ type, answer }) => {
    const read = await CALLS[type]?.(answering(200, answer))
    expect(JSON.parse(JSON.stringify(read))).toEqual(answer)
  })

  test('every call of the board has a case', () => {
    expect(Object.keys(CALLS).filter((type) => !vectors.cases.some((one) => one.type === type))).toEqual([])
  })

  test.each(vectors.cases.filter(({ type }) => type === 'ErrorAnswer'))('$name', async ({ answer }) => {
    const message = (answer as { error?: { message?: string } }).error?.message
    await expect(answering(400, answer).releases()).rejects.toEqual(new AdminError(400, message ?? ''))
  })
})
