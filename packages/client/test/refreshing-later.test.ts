import { describe, expect, test, vi } from 'vitest'

import { createListeners } from '../src/events.js'
import type { VersionMessage } from '../src/messages.js'
import * as refreshing from '../src/refreshing.js'
import { createLateRefresh, type LoadRefresh } from '../src/refreshing-later.js'
import { standingWork } from '../src/standing.js'
import type { Note } from '../src/work.js'
import { place, TestClock } from './world.js'

const forced: VersionMessage = { type: 'version', version: 'v2', force: true, id: 17 }

function late(load: LoadRefresh = () => Promise.resolve(refreshing), notes: Note[] = []) {
  const seen: string[] = []
  const shown: unknown[] = []
  const reasons: (readonly string[])[] = []
  const listeners = createListeners((error) => { throw error })
  listeners.on('prompt', (prompt) => {
    seen.push('prompt')
    reasons.push(prompt.reasons)
  })
  const loadRefresh = vi.fn(load)
  const refresh = createLateRefresh(loadRefresh, {
    mode: 'now', deadline_ms: 60_000, build: 'v1', clock: new TestClock(), places: () => [place()], tab: () => 'ab12', asking: (show) => { shown.push(show) }, listeners,
    acknowledge: (id, outcome) => seen.push(`${id} ${outcome}`), sight: () => ({ reasons: [], isHidden: false, isOnline: true }),
    standing: (find) => find === standingWork ? [] : find({} as Document, false, { notes, isCalled: () => false }),
    hear: () => {},
    look: () => Promise.resolve({ answer: 'well', build: '' }), reload: () => { seen.push('reload') },
  }, listeners)
  return { refresh, seen, shown, reasons, loadRefresh }
}

describe('a refresh that is loaded when needed', () => {
  test('is not for a release', () => {
    const { refresh, loadRefresh } = late()
    refresh.told({ type: 'version', version: 'v2', id: 16 })
    expect(loadRefresh).not.toHaveBeenCalled()
  })

  test('hears of the commands that came before it', async () => {
    const { refresh, seen } = late()
    refresh.told(forced)
    await vi.waitFor(() => { expect(seen).toEqual(['17 reloading', 'reload']) })
  })

  test('asks where it cannot be loaded, and says what would be lost', async () => {
    const { refresh, seen, reasons } = late(() => Promise.reject(new TypeError('404')), [{ type: 'navigated' }])
    refresh.told(forced)
    await vi.waitFor(() => { expect([seen, reasons]).toEqual([['17 prompted', 'prompt'], [['form']]]) })
  })

  test('is tried again with the next command', async () => {
    let isThere = false
    const { refresh, seen } = late(() => isThere ? Promise.resolve(refreshing) : Promise.reject(new TypeError('404')))
    refresh.told(forced)
    await vi.waitFor(() => { expect(seen).toEqual(['17 prompted', 'prompt']) })
    isThere = true
    refresh.told({ ...forced, id: 18 })
    await vi.waitFor(() => { expect(seen.slice(2)).toEqual(['18 reloading', 'reload']) })
  })

  test('is created once, however often it is asked for while it loads', async () => {
    const { refresh, seen, shown } = late()
    refresh.load()
    refresh.load()
    refresh.told(forced)
    await vi.waitFor(() => { expect(seen).toEqual(['17 reloading', 'reload']) })
    expect(shown).toHaveLength(1)
  })

  test('ends with the client', async () => {
    const { refresh, seen, loadRefresh } = late()
    refresh.told(forced)
    refresh.happened({ type: 'stopped' })
    await loadRefresh.mock.results[0]?.value
    await Promise.resolve()
    expect(seen).toEqual([])
  })

  test('is not needed by an application that wants one now', () => {
    const { refresh, seen } = late()
    refresh.happened({ type: 'consented' })
    expect(seen).toEqual(['reload'])
  })
})
