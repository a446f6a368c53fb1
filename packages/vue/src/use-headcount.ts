// This tab: whether it is counted, and what becomes of a refresh.

import type { Command, Headcount, HeadcountEvents, Phase, Prompt, Stats } from '@headcount/client'
import { computed, getCurrentScope, onScopeDispose, toValue, watch, type ComputedRef, type MaybeRefOrGetter } from 'vue'
import { useMounted } from './mounted.js'
import { useSource } from './plugin.js'
import { NOTHING, type Known, type Source } from './source.js'

/** What {@link useHeadcount} returns. */
export interface ThisTab {
  /** `open`: this tab is counted. `idle` on a server and before the start. */
  readonly state: ComputedRef<Phase>
  /** The page that the server is told; `null` before the start. */
  readonly route: ComputedRef<string | null>
  /** The latest stats, while a component of this application watches them. */
  readonly stats: ComputedRef<Stats | null>
  /** What holds back a refresh that is under way, in words; empty if none is held. */
  readonly held: ComputedRef<readonly string[]>
  /** A refresh that this tab's user has to decide on. */
  readonly prompt: ComputedRef<Prompt | null>
  /** A refresh that did not help: a cache keeps serving the old build. */
  readonly stuck: ComputedRef<Command | null>
  /** Refreshes now, also if work would be lost: the user has agreed. */
  refresh(): void
  /** Takes `prompt` away until there is another one. */
  dismiss(): void
  /**
   * Holds every refresh while `when` is true, by default always, until the calling scope ends or the function it returns is
   * called.
   */
  hold(reason: string, when?: MaybeRefOrGetter<boolean>): () => void
  /** Marks the fields of `within`, or of the whole page, as saved. */
  saved(within?: Node): void
  /** Calls `listener` with each event of that name until the calling scope ends or the function it returns is called. */
  on<Name extends keyof HeadcountEvents>(name: Name, listener: (event: HeadcountEvents[Name]) => void): () => void
  /** The client itself; `null` on a server and before the start. Another one after each start. */
  readonly client: ComputedRef<Headcount | null>
}

/** The state of this tab, and control of its refreshes. */
export function useHeadcount(): ThisTab {
  const source = useSource()
  const isMounted = useMounted()
  const seen = <Value>(pick: (known: Readonly<Known>) => Value): ComputedRef<Value> =>
    computed(() => pick(isMounted.value ? source.known : NOTHING))
  const untilEnd = endings()
  return {
    state: seen(({ state }) => state),
    route: seen(({ route }) => route),
    stats: seen(({ stats }) => stats),
    held: seen(({ held }) => held?.reasons ?? []),
    prompt: seen(({ prompt }) => prompt),
    stuck: seen(({ stuck }) => stuck),
    client: seen(({ client }) => client),
    refresh() { source.known.client?.refresh() },
    dismiss: source.dismiss,
    hold: (reason, when = true) => untilEnd(holdWhile(source, reason, when)),
    saved(within) { source.known.client?.saved(within) },
    on: (name, listener) => untilEnd(source.attach((client) => client.on(name, listener))),
  }
}

function holdWhile({ attach }: Source, reason: string, when: MaybeRefOrGetter<boolean>): () => void {
  let release = (): void => {}
  // At once, not with the next tick: a refresh may come in between.
  const stop = watch(() => toValue(when), (isOn) => {
    release()
    release = isOn ? attach((client) => client.hold(reason)) : () => {}
  }, { immediate: true, flush: 'sync' })
  return () => {
    stop()
    release()
  }
}

/** Remembers what to end with the scope that is active now, whenever it begins; what has ended before is forgotten. */
function endings(): (end: () => void) => () => void {
  const open = new Set<() => void>()
  let isOver = false
  if (getCurrentScope() !== undefined) {
    onScopeDispose(() => {
      isOver = true
      for (const end of open) end()
    })
  }
  return (end) => {
    const ending = (): void => {
      if (open.delete(ending)) end()
    }
    open.add(ending)
    if (isOver) ending()
    return ending
  }
}
