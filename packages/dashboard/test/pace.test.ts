import { expect, test } from 'vitest'
import { createPace, type Pace, type PaceClock } from '../src/live/pace.js'

const EVERY_MS = 1_000
/** Lets everything happen that waits for nothing but its turn. */
const settled = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })

/** Time that the test moves. A pace waits for one thing at a time. */
class TestClock implements PaceClock {
  #now = 1_000_000
  #due: { readonly at: number; readonly work: () => void } | null = null

  now = (): number => this.#now
  after = (ms: number, work: () => void): (() => void) => {
    const due = this.#due = { at: this.#now + ms, work }
    return () => { if (this.#due === due) this.#due = null }
  }

  pass(ms: number): void {
    this.#now += ms
    const due = this.#due
    if (due === null || due.at > this.#now) return
    this.#due = null
    due.work()
  }
}

class World {
  readonly clock = new TestClock()
  isSeen = true
  /** Questions under way: each can be answered. */
  readonly asked: { readonly signal: AbortSignal; readonly answer: (isAnswered: boolean) => void }[] = []
  readonly pace: Pace = createPace({
    every_ms: EVERY_MS, clock: this.clock, isSeen: () => this.isSeen,
    ask: (signal) => new Promise((answer) => { this.asked.push({ signal, answer }) }),
  })

  async answer(isAnswered = true): Promise<void> {
    this.asked.at(-1)?.answer(isAnswered)
    await settled()
  }
}

test('asks at once, and then once for however many moves', async () => {
  const world = new World()
  world.pace.moved()
  expect(world.asked).toHaveLength(1)
  await world.answer()
  for (let move = 0; move < 10; move += 1) world.pace.moved()
  world.clock.pass(EVERY_MS - 1)
  expect(world.asked).toHaveLength(1)
  world.clock.pass(1)
  expect(world.asked).toHaveLength(2)
})

test('asks one question at a time, and asks again if something moved during the question', async () => {
  const world = new World()
  world.pace.moved()
  world.pace.moved()
  world.clock.pass(10 * EVERY_MS)
  expect(world.asked).toHaveLength(1)
  await world.answer()
  expect(world.asked).toHaveLength(2)
})

test('asks nothing while nothing moves', async () => {
  const world = new World()
  world.pace.moved()
  await world.answer()
  world.clock.pass(100 * EVERY_MS)
  expect(world.asked).toHaveLength(1)
})

test('asks nothing while nobody looks, and once somebody does', async () => {
  const world = new World()
  world.isSeen = false
  world.pace.moved()
  world.pace.now()
  world.clock.pass(100 * EVERY_MS)
  expect(world.asked).toHaveLength(0)
  world.isSeen = true
  world.pace.look()
  expect(world.asked).toHaveLength(1)
})

test('another question gives up the one that is under way', async () => {
  const world = new World()
  world.pace.moved()
  world.pace.now()
  expect(world.asked.map(({ signal }) => signal.aborted)).toEqual([true, false])
  world.asked[0]?.answer(false)
  await settled()
  world.clock.pass(100 * EVERY_MS)
  expect(world.asked).toHaveLength(2)
})

test('asks again after a while where there was no answer', async () => {
  const world = new World()
  world.pace.moved()
  await world.answer(false)
  world.clock.pass(4_999)
  expect(world.asked).toHaveLength(1)
  world.clock.pass(1)
  expect(world.asked).toHaveLength(2)
})

test('a pace that was stopped asks no more', async () => {
  const world = new World()
  world.pace.moved()
  world.pace.stop()
  await world.answer(false)
  world.clock.pass(100 * EVERY_MS)
  expect(world.asked).toHaveLength(1)
})
