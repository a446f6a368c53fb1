// One client for a whole application, and what it says as values that Vue can watch.
//
// A client is a connection: there may be none yet (on a server, before hydration, before a sign-in), and another one
// later. So what components want from it (a subscription, a listener, a hold) is kept here as a wish, applied to each
// new client, and undone when the component goes.
//
// Invariants: nothing here touches a window before `start`; there is at most one client at a time; counts are kept only
// while a component watches them.

import { createHeadcount, type Command, type Headcount, type HeadcountOptions, type Held, type Phase, type Prompt, type Stats } from '@headcount/client'
import { shallowReactive, shallowReadonly } from 'vue'

/** The state of this tab and, while a component watches, the counts of all tabs. */
export interface Known {
  client: Headcount | null
  state: Phase
  route: string | null
  stats: Stats | null
  /** `null`: not said yet. */
  authorized: boolean | null
  held: Held | null
  prompt: Prompt | null
  stuck: Command | null
}

/** The client of an application, and the wishes of its components. */
export interface Source {
  /** Reactive; every value is replaced whole. */
  readonly known: Readonly<Known>
  /** Connects. A running client reconnects and keeps its state; with options, a new client replaces it. */
  start(options?: HeadcountOptions): void
  /** Ends the connection. What components want is remembered for the next start. */
  stop(): void
  /** Does `wish` to this client and each later one, until the function it returns is called; `wish` returns what undoes it. */
  attach(wish: (client: Headcount) => () => void): () => void
  /** Wants live numbers until the function it returns is called. */
  watch(wants: Wants): () => void
  /** The user wants to be asked later. */
  dismiss(): void
}

/** What a watcher needs besides the sums. */
export interface Wants {
  /** Whether connections are listed one by one. */
  readonly connections: boolean
}

/** Before the start, and on a server. */
export const NOTHING: Readonly<Known> = {
  client: null, state: 'idle', route: null, stats: null, authorized: null, held: null, prompt: null, stuck: null,
}

/** Nothing is connected yet. */
export function createSource(defaults: HeadcountOptions): Source {
  const known = shallowReactive({ ...NOTHING })
  const wishes = new Set<{ readonly wish: (client: Headcount) => () => void; undo: () => void }>()
  let watchers = 0
  let stopListening = (): void => {}

  function stop(): void {
    for (const entry of wishes) entry.undo = () => {}
    stopListening()
    known.client?.close()
    Object.assign(known, NOTHING)
  }

  function attach(wish: (client: Headcount) => () => void): () => void {
    const entry = { wish, undo: known.client === null ? () => {} : wish(known.client) }
    wishes.add(entry)
    return () => {
      if (wishes.delete(entry)) entry.undo()
    }
  }

  return {
    known: shallowReadonly(known),
    start(options) {
      const { client: running, stats } = known
      // A client whose connection was closed permanently cannot reconnect.
      if (running && !options && running.state !== 'closed') return running.reconnect()
      stop()
      const client = createHeadcount({ ...defaults, ...options })
      // The last numbers stay in sight until there are new ones.
      Object.assign(known, { client, state: client.state, route: client.route, stats })
      stopListening = listen(client, known)
      for (const entry of wishes) entry.undo = entry.wish(client)
    },
    stop,
    attach,
    watch(wants) {
      watchers += 1
      const end = attach((client) => client.subscribe(wants))
      // Where somebody else wants the numbers of this client, the server is not asked again.
      const stats = known.client?.stats
      if (stats) Object.assign(known, { stats, authorized: true })
      let isWatching = true
      return () => {
        if (!isWatching) return
        isWatching = false
        end()
        if (--watchers === 0) Object.assign(known, { stats: null, authorized: null })
      }
    },
    dismiss() {
      known.prompt?.later()
      known.prompt = null
    },
  }
}

/** Keeps `known` up to date with what `client` says, until the function it returns is called. */
function listen(client: Headcount, known: Known): () => void {
  const stops = [
    client.on('state', (state) => { known.state = state }),
    client.on('route', (route) => { known.route = route }),
    client.on('stats', (stats) => { Object.assign(known, { stats, authorized: true }) }),
    client.on('stats-unauthorized', () => { Object.assign(known, { stats: null, authorized: false }) }),
    client.on('held', (held) => { known.held = held }),
    client.on('prompt', (prompt) => { known.prompt = prompt }),
    client.on('stuck', (stuck) => { known.stuck = stuck }),
    client.on('reloading', () => { Object.assign(known, { held: null, prompt: null }) }),
  ]
  return () => { for (const end of stops) end() }
}
