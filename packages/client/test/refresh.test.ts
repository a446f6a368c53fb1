import { describe, expect, test } from 'vitest'

import { createListeners } from '../src/events.js'
import type { VersionMessage } from '../src/messages.js'
import { judge, type Look, type RefreshMode } from '../src/refresh.js'
import { createRefresh } from '../src/refreshing.js'
import { takeReloaded } from '../src/reloaded.js'
import type { Place } from '../src/storage.js'
import { blocked, place, TestClock } from './world.js'

const DEADLINE_MS = 60_000
const SIGHT = { now: 0, chance: 0, reasons: [], isHidden: true, isOnline: true }

/** One page load of a tab. The tab's places outlive it. */
function load(mode: RefreshMode = 'now', places: readonly Place[] = [place()], build = 'v1') {
  const clock = new TestClock()
  const sight = { reasons: [] as string[], isHidden: false, isOnline: true }
  const seen: string[] = []
  const acks: string[] = []
  const listeners = createListeners((error) => { throw error })
  for (const name of ['held', 'prompt', 'reloading', 'stuck'] as const) listeners.on(name, () => seen.push(name))
  let [accept, later] = [(): void => {}, (): void => {}]
  listeners.on('prompt', (prompt) => { [accept, later] = [prompt.reload, prompt.later] })
  const page: { look: Look; looks: number } = { look: { answer: 'well', build: '' }, looks: 0 }
  const look = (): Promise<Look> => { // Answers at once.
    page.looks += 1
    return { then: (looked: (look: Look) => void) => { looked(page.look) } } as Promise<Look>
  }
  const refresh = createRefresh({
    mode, deadline_ms: DEADLINE_MS, clock, places: () => places, tab: () => 'ab12', build, listeners, look, asking: () => {},
    acknowledge: (id, outcome) => acks.push(`${id} ${outcome}`), sight: () => sight, standing: () => [], hear: () => {}, reload: () => { seen.push('reload') }, again: () => { seen.push('reload') },
  })
  return { clock, sight, seen, acks, page, listeners, refresh, accept: () => { accept() }, later: () => { later() } }
}

/** What the next page takes, wherever it lies. */
function taken(places: readonly Place[]): string {
  return places.flatMap((place) => takeReloaded(place, true, '') || []).join()
}

function forced(id: number, version = 'v2'): VersionMessage {
  return { type: 'version', version, force: true, id }
}

function prompted(id: number, version = 'v2'): VersionMessage {
  return { type: 'version', version, prompt: true, id }
}

describe('a forced refresh', () => {
  test('happens at once where nothing would be lost', () => {
    const { refresh, seen } = load()
    refresh.told(forced(17))
    expect(seen).toEqual(['reloading', 'reload'])
  })

  test('does not follow from a release alone', () => {
    const { refresh, seen } = load()
    refresh.told({ type: 'version', version: 'v2', id: 16 })
    expect(seen).toEqual([])
  })

  test('is held by work, asks at the deadline, and happens once the work is saved', () => {
    const { refresh, seen, sight, clock } = load()
    sight.reasons = ['form']
    refresh.told(forced(17))
    clock.pass(DEADLINE_MS - 1_000)
    expect(seen).toEqual(['held'])
    clock.pass(10_000)
    expect(seen).toEqual(['held', 'prompt'])
    sight.reasons = []
    clock.pass(1_000)
    expect(seen).toEqual(['held', 'prompt', 'reloading', 'reload'])
  })

  test('does not wait for the work of somebody who wants it now', () => {
    const { refresh, seen, sight, clock, accept } = load()
    sight.reasons = ['form']
    refresh.told(forced(17))
    clock.pass(DEADLINE_MS)
    accept()
    expect(seen).toEqual(['held', 'prompt', 'reloading', 'reload'])
    clock.pass(DEADLINE_MS)
    expect(seen).toHaveLength(4)
  })

  test('says again what holds it where that changes, and acknowledges it once', () => {
    const { refresh, seen, acks, sight, clock, listeners } = load()
    const reasons: string[] = []
    listeners.on('held', (held) => reasons.push(held.reasons.join('+')))
    for (const now of [['form'], ['form', 'upload'], ['upload'], ['upload']]) {
      sight.reasons = now
      refresh.told(forced(17))
      clock.pass(1_000)
    }
    expect([reasons, acks]).toEqual([['form', 'form+upload', 'upload'], ['17 held']])
    clock.pass(DEADLINE_MS)
    sight.reasons = ['form']
    clock.pass(1_000)
    expect([reasons.at(-1), acks]).toEqual(['form', ['17 held', '17 prompted']])
    expect(seen.filter((name) => name === 'prompt')).toHaveLength(1)
  })

  test('that its user does not let happen is asked for once, and never again happens by itself', () => {
    const { refresh, seen, acks, clock, accept } = load()
    refresh.told(forced(17))
    clock.pass(4_000)
    expect(seen).toEqual(['reloading', 'reload'])
    clock.pass(10 * DEADLINE_MS)
    refresh.happened({ type: 'navigated' })
    expect(seen).toEqual(['reloading', 'reload', 'prompt'])
    expect(acks).toEqual(['17 reloading', '17 prompted'])
    accept()
    clock.pass(10 * DEADLINE_MS)
    expect(seen.slice(3)).toEqual(['reloading', 'reload'])
  })

  test('is asked for again by a page that stays, where it was asked for before', () => {
    const { refresh, seen, sight, clock } = load()
    sight.reasons = ['form']
    refresh.told(forced(17))
    clock.pass(DEADLINE_MS)
    sight.reasons = []
    clock.pass(10_000)
    expect(seen).toEqual(['held', 'prompt', 'reloading', 'reload', 'prompt'])
  })

  test('waits until the tab is out of sight, where that is asked', () => {
    const { refresh, seen, sight, clock } = load('hidden')
    refresh.told(forced(17))
    clock.pass(5_000)
    expect(seen).toEqual([])
    sight.isHidden = true
    refresh.happened({ type: 'considered' })
    expect(seen).toEqual(['reloading', 'reload'])
  })

  test('waits for the next navigation, where that is asked, and no longer than the deadline', () => {
    const { refresh, seen, clock } = load('navigation')
    refresh.told(forced(17))
    clock.pass(DEADLINE_MS)
    expect(seen).toEqual(['prompt'])
    refresh.happened({ type: 'navigated' })
    expect(seen).toEqual(['prompt', 'reloading', 'reload'])
  })

  test('is for the user to decide, where that is asked', () => {
    const { refresh, seen, clock, accept } = load('prompt')
    refresh.told(forced(17))
    clock.pass(10 * DEADLINE_MS)
    expect(seen).toEqual(['prompt'])
    accept()
    expect(seen).toEqual(['prompt', 'reloading', 'reload'])
  })

  test.each(['now', 'hidden', 'navigation'] as const)('waits for the network in mode %s', (mode) => {
    expect(judge(mode, true, { ...SIGHT, isOnline: false })).toBe('wait')
    expect(judge(mode, true, SIGHT)).toBe('reload')
  })
})

describe('a prompt', () => {
  test('never turns into a refresh by itself', () => {
    const { refresh, seen, clock, sight } = load()
    refresh.told(prompted(18))
    sight.isHidden = true
    refresh.happened({ type: 'navigated' })
    clock.pass(10 * DEADLINE_MS)
    expect(seen).toEqual(['prompt'])
  })

  test('is shown once for a command, however often it is told', () => {
    const { refresh, seen } = load()
    refresh.told(prompted(18))
    refresh.told(prompted(18))
    expect(seen).toEqual(['prompt'])
    refresh.told(prompted(19))
    expect(seen).toEqual(['prompt', 'prompt'])
  })

  test('is overtaken by a forced refresh', () => {
    const { refresh, seen } = load()
    refresh.told(prompted(18))
    refresh.told(forced(19))
    expect(seen).toEqual(['prompt', 'reloading', 'reload'])
  })
})

describe('a bounded number of times for a command', () => {
  test('a tab that came back on the old build tries again, ever later, and asks its user in the end', () => {
    const places = [place()]
    load('now', places).refresh.told(forced(17))
    for (const [tries, least_ms] of [15_000, 30_000, 60_000].entries()) {
      const next = load('now', places)
      next.refresh.told(forced(17))
      expect([next.seen, next.acks]).toEqual([[], ['17 waiting']])
      next.clock.pass(least_ms - 1)
      expect([tries, next.seen]).toEqual([tries, []])
      next.clock.pass(2 * least_ms)
      expect(next.seen.slice(0, 2)).toEqual(['reloading', 'reload'])
    }
    const last = load('now', places)
    last.refresh.told(forced(17))
    last.clock.pass(10 * DEADLINE_MS)
    expect([last.seen, last.acks]).toEqual([['stuck', 'prompt'], ['17 stuck']])
    last.refresh.told(forced(18))
    expect(last.seen.slice(2)).toEqual(['reloading', 'reload'])
  })

  test('also where storage is blocked or full and something else outlives the reload', () => {
    const places = [blocked, place()]
    load('now', places).refresh.told(forced(17))
    const next = load('now', places)
    next.refresh.told(forced(17))
    expect([next.seen, next.acks]).toEqual([[], ['17 waiting']])
  })

  test('one that has the release already goes no second time', () => {
    const places = [place()]
    load('now', places, 'v2').refresh.told(forced(17))
    const next = load('now', places, 'v2')
    next.refresh.told(forced(17))
    next.clock.pass(10 * DEADLINE_MS)
    expect([next.seen, next.acks]).toEqual([['stuck'], ['17 stuck']])
  })

  test('where nothing can be remembered, only its user refreshes the tab', () => {
    const { refresh, seen, clock, accept } = load('now', [blocked, blocked])
    refresh.told(forced(17))
    refresh.told(forced(17))
    clock.pass(10 * DEADLINE_MS)
    expect(seen).toEqual(['prompt'])
    accept()
    expect(seen).toEqual(['prompt', 'reloading', 'reload'])
  })

  test('one reload is for all commands that waited for it', () => {
    const places = [place()]
    const first = load('now', places)
    first.sight.reasons = ['form']
    first.refresh.told(forced(17))
    first.refresh.told(forced(18))
    first.sight.reasons = []
    first.clock.pass(1_000)
    expect(first.seen.filter((name) => name === 'reload')).toHaveLength(1)
    const next = load('now', places)
    next.refresh.told(forced(17))
    next.refresh.told(forced(18))
    expect(next.acks).toEqual(['17 waiting', '18 waiting'])
  })

  test('a number that a forgetful server gives again is another command under another release', () => {
    const places = [place()]
    load('now', places).refresh.told(forced(1, 'v2'))
    const next = load('now', places)
    next.refresh.told(forced(1, 'v3'))
    expect(next.seen).toEqual(['reloading', 'reload'])
  })
})

describe('a page is looked at before the tab goes there', () => {
  const unwell: Look = { answer: 'unwell', build: '' }

  test('and while it is not well the tab waits, ever longer, and then goes', () => {
    const { refresh, seen, acks, page, clock } = load()
    page.look = unwell
    refresh.told(forced(17))
    clock.pass(10 * 60_000)
    expect([seen, new Set(acks)]).toEqual([[], new Set(['17 waiting'])])
    expect(page.looks).toBeGreaterThan(6)
    expect(page.looks).toBeLessThan(12)
    page.look = { answer: 'well', build: '' }
    clock.pass(300_000)
    expect(seen.slice(0, 2)).toEqual(['reloading', 'reload'])
  })

  test('and while it is still the old build the tab waits, however long, without a reload', () => {
    const { refresh, seen, acks, page, clock } = load()
    page.look = { answer: 'well', build: 'v1' }
    refresh.told(forced(17))
    clock.pass(60 * 60_000)
    expect([seen, new Set(acks)]).toEqual([[], new Set(['17 waiting'])])
    page.look = { answer: 'well', build: 'v2' }
    clock.pass(300_000)
    expect(seen.slice(0, 2)).toEqual(['reloading', 'reload'])
  })

  test('and one that stays as it is for hours is said to be stuck', () => {
    const { refresh, seen, page, clock } = load()
    page.look = { answer: 'well', build: 'v1' }
    refresh.told(forced(17))
    clock.pass(24 * 60 * 60_000)
    expect(seen).toEqual(['stuck', 'prompt'])
    expect(page.looks).toBe(120)
  })

  test('but a tab that has the release goes, for a command that is for all', () => {
    const { refresh, seen, page } = load('now', [place()], 'v2')
    page.look = { answer: 'well', build: 'v2' }
    refresh.told(forced(17))
    expect(seen).toEqual(['reloading', 'reload'])
  })

  test('and where it is refused its user is asked, and may go', () => {
    const { refresh, seen, page, clock, accept } = load()
    page.look = { answer: 'refused', build: '' }
    refresh.told(forced(17))
    clock.pass(5 * 60_000)
    expect(seen).toEqual(['prompt'])
    accept()
    expect(seen).toEqual(['prompt', 'reloading', 'reload'])
  })

  test('and its user, who wants it now, goes as soon as it is well', () => {
    const { refresh, seen, page, clock, accept } = load('prompt')
    refresh.told(forced(17))
    page.look = unwell
    accept()
    clock.pass(60_000)
    expect(seen).toEqual(['prompt'])
    page.look = { answer: 'well', build: 'v2' }
    clock.pass(60_000)
    expect(seen).toEqual(['prompt', 'reloading', 'reload'])
  })

  test('and work that begins during the wait is not lost', () => {
    const { refresh, seen, sight, page, clock, accept } = load('prompt')
    refresh.told(forced(17))
    page.look = unwell
    accept()
    sight.reasons = ['form']
    page.look = { answer: 'well', build: 'v2' }
    clock.pass(60_000)
    expect(seen).toEqual(['prompt', 'prompt'])
  })
})

describe('a user who wants to be asked later', () => {
  test('is asked again after three deadlines', () => {
    const { refresh, seen, clock, later } = load('prompt')
    refresh.told(forced(17))
    later()
    clock.pass(3 * DEADLINE_MS - 1_000)
    expect(seen).toEqual(['prompt'])
    clock.pass(2_000)
    expect(seen).toEqual(['prompt', 'prompt'])
  })

  test('is refreshed without a question once the work is saved', () => {
    const { refresh, seen, sight, clock, later } = load()
    sight.reasons = ['form']
    refresh.told(forced(17))
    clock.pass(DEADLINE_MS)
    later()
    clock.pass(10_000)
    expect(seen).toEqual(['held', 'prompt'])
    sight.reasons = []
    clock.pass(1_000)
    expect(seen).toEqual(['held', 'prompt', 'reloading', 'reload'])
  })
})

describe('what becomes of a command is acknowledged', () => {
  test('a refresh, before the page goes', () => {
    const { refresh, acks } = load()
    refresh.told(forced(17))
    expect(acks).toEqual(['17 reloading'])
  })

  test('work that holds it, the question at the deadline, and the refresh once the work is saved', () => {
    const { refresh, acks, sight, clock } = load()
    sight.reasons = ['form']
    refresh.told(forced(17))
    expect(acks).toEqual(['17 held'])
    clock.pass(DEADLINE_MS)
    expect(acks).toEqual(['17 held', '17 prompted'])
    sight.reasons = []
    clock.pass(1_000)
    expect(acks).toEqual(['17 held', '17 prompted', '17 reloading'])
  })

  test('each of those that wait together', () => {
    const { refresh, acks, sight, clock } = load()
    sight.reasons = ['form']
    refresh.told(forced(17))
    refresh.told(forced(18))
    expect(new Set(acks)).toEqual(new Set(['17 held', '18 held']))
    sight.reasons = []
    clock.pass(1_000)
    expect(acks.slice(-2)).toEqual(['17 reloading', '18 reloading'])
  })

  test('a question, and its answer', () => {
    const { refresh, acks, accept } = load()
    refresh.told(prompted(18))
    accept()
    expect(acks).toEqual(['18 prompted', '18 reloading'])
  })

  test('nothing while it only waits for its moment', () => {
    const { refresh, acks } = load('hidden')
    refresh.told(forced(17))
    expect(acks).toEqual([])
  })

  test('the same build again, or another one', () => {
    const places = [place()]
    load('now', places).refresh.told(forced(17))
    const same = load('now', places)
    same.refresh.told(forced(17))
    expect(same.acks).toEqual(['17 waiting'])
    const other = load('now', places, 'v2')
    other.refresh.told(forced(17))
    expect([other.acks, other.seen]).toEqual([['17 current'], []])
  })

  test('of the same number and release on a server that lost its store, what is due', () => {
    const places = [place()]
    const one = { ...forced(17), epoch: '3f9a0c2b77d1' }
    const other = { ...one, epoch: '0123456789ab' }
    load('now', places).refresh.told(one)
    const again = load('now', places)
    again.refresh.told(one)
    again.refresh.told(other)
    again.refresh.told(other)
    expect([again.acks, again.seen]).toEqual([['17 waiting', '17 reloading'], ['reloading', 'reload']])
  })

  test('nothing of a command without a number', () => {
    const { refresh, acks, seen } = load()
    refresh.told({ type: 'version', version: 'v2', force: true })
    expect([acks, seen]).toEqual([[], ['reloading', 'reload']])
  })
})

describe('the commands that a page was reloaded for', () => {
  test('are known to that page, once', () => {
    const places = [blocked, place()]
    const { refresh, sight, clock } = load('now', places)
    sight.reasons = ['form']
    refresh.told(forced(17))
    refresh.told(forced(19))
    expect(taken(places)).toBe('')
    sight.reasons = []
    clock.pass(1_000)
    expect(taken(places)).toBe('17,19')
    expect(taken(places)).toBe('')
  })

  test('are all that the page was told before it reloaded', () => {
    const places = [place()]
    const { refresh } = load('now', places)
    for (const id of [17, 18, 19]) refresh.told(forced(id))
    expect(taken(places)).toBe('17,18,19')
    const next = load('now', places)
    for (const id of [17, 18, 19]) next.refresh.told(forced(id))
    expect(next.acks).toEqual(['17 waiting', '18 waiting', '19 waiting'])
  })

  test('do not include those of earlier pages', () => {
    const places = [place()]
    load('now', places).refresh.told(forced(17))
    taken(places)
    load('now', places).refresh.told(forced(18))
    expect(taken(places)).toBe('18')
  })
})

describe('what becomes of a command', () => {
  const CONNECTED = { type: 'connected', version: 'v2', connectionId: 'id', timestamp: 0 } as const

  test('is said again on each stream where it still holds', () => {
    const { refresh, acks, sight, listeners } = load()
    sight.reasons = ['form']
    refresh.told(forced(17))
    listeners.emit('connected', CONNECTED)
    expect(acks).toEqual(['17 held', '17 held'])
    listeners.emit('connected', { ...CONNECTED, epoch: '3f9a0c2b77d1' })
    expect(acks).toHaveLength(2) // There, the number is another command's.
  })

  test('holds no longer once the page goes', () => {
    const { refresh, acks, listeners } = load()
    refresh.told(forced(17))
    listeners.emit('connected', CONNECTED)
    expect(acks).toEqual(['17 reloading'])
  })

  test('is never more than a server takes at once', () => {
    const { refresh, acks, listeners } = load()
    for (let id = 1; id <= 100; id += 1) refresh.told(prompted(id))
    const before = acks.length
    listeners.emit('connected', CONNECTED)
    expect(acks.length - before).toBe(32)
  })
})
