// The world outside, as one value: time, chance, storage, the network and the page. Tests bring their own.

import type { LoadQuestion } from './banner.js'
import type { Clock } from './clock.js'
import type { LoadReading } from './numbers.js'
import { sessionPlace, type Place } from './storage.js'
import type { LoadRefresh } from './refreshing-later.js'
import { reload } from './reload.js'
import type { Connect, TransportName } from './transport/link.js'
import { later } from './transport/later.js'
import { websocket } from './transport/websocket.js'

/** Everything that the client asks of its surroundings. */
export interface Environment {
  readonly clock: Clock
  readonly links: Readonly<Record<TransportName, Connect>>
  /** Where a tab's own memory lies. */
  readonly place: Place
  readonly page: Window & typeof globalThis
  /** Whether this page is a reload of an earlier one. */
  readonly isReload: boolean
  /** Whether a server answers there. */
  readonly probe: (base: URL) => Promise<boolean>
  /** Parts of the client that few pages need. */
  readonly loadQuestion: LoadQuestion
  readonly loadReading: LoadReading
  readonly loadRefresh: (base: URL) => ReturnType<LoadRefresh>
  /** Loads the page by GET, also one that answers a form. */
  readonly reload: () => void
}

/** For pages whose WebSocket does not open. */
const loadSse = () => import('./transport/sse.js')

/** The browser this runs in, for a client of the server at `base`. */
export function browserEnvironment(page: Window & typeof globalThis, base: URL): Environment {
  const [entry] = page.performance.getEntriesByType('navigation') as PerformanceNavigationTiming[]
  return {
    clock: {
      now: Date.now,
      timer() {
        let timer: ReturnType<typeof setTimeout>
        return (ms, work) => {
          clearTimeout(timer)
          if (work) timer = setTimeout(work, ms)
        }
      },
      random: Math.random,
    },
    links: { sse: later(() => loadSse().then(({ overSse }) => overSse(websocket))), websocket },
    place: sessionPlace(page, base),
    page,
    isReload: entry?.type === 'reload',
    probe: (base) => loadSse().then(({ probe }) => probe(base)).catch(() => false),
    loadQuestion: () => import('./question.js'),
    loadRefresh: (base) => import('./refreshing.js').catch(() => import(/* @vite-ignore */ /* webpackIgnore: true */ `${base}client/refreshing.1.js`) as ReturnType<LoadRefresh>),
    loadReading: () => import('./subscription.js'),
    reload: () => { reload(page) },
  }
}
