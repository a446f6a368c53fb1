// What this tab refreshed for, kept over page loads.
//
// Per command the build that ran then and how often the tab went: a page that is told the command again sees whether that led to
// another build. And, for the next page alone, the commands of this refresh.

import type { Command } from './events.js'
import { keyOf, type Tried } from './refresh.js'
import type { Place } from './storage.js'

const KEY = 'headcount.refreshed'
const KEY_LAST = 'headcount.reloaded' // Of `reloaded.ts`, which is another file of the build.
const KEY_TAB = 'headcount.tab' // Of `identity.ts`, which leaves it in the first place by itself.
const REMEMBERED_MAX = 64

/** What a tab knows of its earlier pages. */
export interface Memory {
  /** What the tab did for `command`; `null` if it never reloaded for it. */
  readonly tried: (command: Command) => Tried | null
  /** Whether the next page will know, and know of each command only if it was refreshed for. */
  readonly remember: (commands: readonly Command[], build: string) => boolean
}

/** Reads what is known: in all places, so that it is found wherever it could be written. */
export function createMemory(places: readonly Place[], tab: () => string): Memory {
  /** One a line: neither a version nor a number has control characters. A line without tries is of a client that knew only one. */
  const known = new Map(places.flatMap((place) => (place.read(KEY) ?? '').split('\n').map((line) => {
    const [key = '', build = '', tries = 1] = line.split('\t')
    return [key, { build, tries: Number(tries) }] as const
  })))
  return {
    tried: (command) => known.get(keyOf(command)) ?? null,
    remember(commands, build) {
      for (const key of commands.map(keyOf)) known.set(key, { build, tries: (known.get(key)?.tries ?? 0) + 1 })
      const text = Array.from(known, ([key, { build, tries }]) => [key, build, tries].join('\t')).slice(-REMEMBERED_MAX).join('\n')
      const epoch = commands.at(-1)?.epoch
      const ids = commands.flatMap((command) => command.epoch === epoch ? command.id ?? [] : []).slice(-REMEMBERED_MAX).join()
      const last = epoch ? `${epoch}.${ids}` : ids
      return places.some((place, index) => place.write(KEY, text) && place.read(KEY) === text && place.write(KEY_LAST, last) && (index === 0 || place.write(KEY_TAB, tab())))
    },
  }
}
