// What the panels of the board have in common: the live numbers, the releases and rules that several of them show, and
// what one panel tells another.
//
// The board's own tab is a connection like any other. It has no build of the site, so it counts under the current release
// and moves on with it: an open board never keeps a deploy from being complete.

import { useActiveConnections, useHeadcount, type HeadcountPlugin } from '@headcount/vue'
import { computed, inject, onScopeDispose, provide, reactive, shallowRef, watch, type ComputedRef, type InjectionKey, type Ref } from 'vue'
import type { Admin } from './admin/admin.js'
import type { Answered, Audience, Counts, MatchKind, Mode, Nodes, Releases, Rules, Telling } from './admin/answers.js'
import { useAnswer, type Asked, type Pacing } from './live/answer.js'
import { useBeat } from './live/beat.js'
import { usePainted } from './live/painted.js'
import { UNRELEASED } from './numbers/figures.js'
import type { Session } from './session.js'

/** Numbers as of the last frame. */
export interface Live {
  readonly total: number
  readonly visible: number | null
  readonly versions: Counts
  readonly routes: Counts
  /** How many nodes of a cluster the numbers are of. `null` where they are of all. */
  readonly nodes: Answered | null
}

/** A rule as it is being written. */
export interface Draft {
  kind: MatchKind
  text: string
  audience: Audience
  mode: Mode
  expires: number
  telling: Telling
}

/** For every panel. */
export interface Board {
  readonly admin: Admin
  readonly live: Readonly<Ref<Live | null>>
  /** This tab in lists of connections. */
  readonly yourId: ComputedRef<string | undefined>
  /** How an answer follows the live numbers. */
  following(every_ms: number): Pacing
  readonly releases: Asked<Releases>
  readonly rules: Asked<Rules>
  /** `null` without a cluster, and until its nodes are known. */
  readonly nodes: Asked<Nodes | null>
  readonly current: ComputedRef<string>
  /** What the list of connections is narrowed to. Empty: any. */
  readonly filter: { route: string; version: string }
  readonly draft: Draft
  /** Server time less this machine's, milliseconds. */
  readonly skew_ms: Readonly<Ref<number>>
  /** Announces a text once to screen readers. */
  say(text: string): void
  readonly said: Readonly<Ref<string>>
}

const KEY: InjectionKey<Board> = Symbol('board')
const RESTART_MS = 30_000
/** How often the nodes of a cluster are asked for. They say themselves every second what they hold. */
const NODES_MS = 3_000

/** The board that this panel belongs to. */
export function useBoard(): Board {
  const board = inject(KEY)
  if (board === undefined) throw new Error('This panel stands outside of a board.')
  return board
}

/** Makes a board for the calling component and what is in it, and connects its tab. */
export function provideBoard(session: Session, headcount: HeadcountPlugin): Board {
  const { admin, state } = session
  const { live, yourId, skew_ms } = useLiveNumbers()
  const following = (every_ms: number): Pacing => ({ every_ms, session: state, moved: live })
  const announced = shallowRef(0)
  const releases = useAnswer((signal) => admin.releases(signal), { every_ms: 1_000, session: state, moved: announced })
  const isInCluster = computed(() => rules.answer.value?.nodes !== undefined)
  const isOpening = computed(() => rules.answer.value?.invalidations.some(({ spread }) => spread?.state === 'running') === true)
  const beat = useBeat(NODES_MS, () => isInCluster.value || isOpening.value)
  // A node that is back moves no number, and the rules say which nodes have answered. Nor does a rule in waves that opens or stops.
  const rules = useAnswer((signal) => admin.rules(signal), { ...following(2_000), moved: () => [live.value, beat.value] })
  const nodes = useAnswer(async (signal) => isInCluster.value ? admin.nodes(signal) : null, { every_ms: NODES_MS, session: state, moved: () => [beat.value, isInCluster.value] })
  const current = computed(() => releases.answer.value?.current ?? UNRELEASED)
  const said = shallowRef('')
  const { on } = useHeadcount()
  on('version', () => { announced.value += 1 })
  // What was announced while the link was down is said by the next greeting alone.
  on('connected', ({ version }) => { if (version !== current.value) announced.value += 1 })
  stayConnected(session, headcount, releases.answer)
  const board: Board = {
    admin, live, yourId, skew_ms, following, releases, rules, nodes, current, said,
    filter: reactive({ route: '', version: '' }),
    draft: reactive<Draft>({ kind: 'segment', text: '', audience: 'outdated', mode: 'force', expires: 86_400, telling: 'all' }),
    say(text) { said.value = text },
  }
  provide(KEY, board)
  return board
}

function useLiveNumbers(): Pick<Board, 'live' | 'yourId' | 'skew_ms'> {
  const { yourId } = useActiveConnections({ connections: false })
  const { stats, on } = useHeadcount()
  const skew_ms = shallowRef(0)
  on('connected', ({ timestamp }) => { skew_ms.value = timestamp - Date.now() })
  const live = usePainted(() => {
    const { value } = stats
    if (value === null) return null
    const { total, visible = null, versions, routes, nodes = null } = value
    return { total, visible, versions, routes, nodes }
  })
  return { live, yourId, skew_ms }
}

/** Connects under the current release and with the ticket of this session, and again when either changes. */
function stayConnected(session: Session, headcount: HeadcountPlugin, releases: Readonly<Ref<Releases | null>>): void {
  const { authorized } = useActiveConnections({ connections: false })
  let startedAt = -Infinity
  const start = (): void => {
    if (releases.value === null || session.state.value !== 'in') return
    startedAt = performance.now()
    headcount.start({ version: releases.value.current })
  }
  watch(() => releases.value?.current, start)
  watch(session.state, (state) => {
    if (state === 'in') start()
  })
  onScopeDispose(() => { headcount.stop() })
  // The ticket that opened the stream has ended: with a new one, if there is one, it would be admitted.
  watch(authorized, async (isAuthorized) => {
    if (isAuthorized !== false) return
    await session.look()
    if (performance.now() - startedAt > RESTART_MS) start()
  })
}
