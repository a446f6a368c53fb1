// What this tab refreshed for, kept over page loads.
//
// Per command the build that ran then: whoever is told the command again sees whether the refresh led to another one. And,
// for one page load only, the commands of the refresh that led to it.

import type { Command } from './events.js'
import type { Place } from './storage.js'

const KEY = 'headcount.refreshed'
const KEY_LAST = 'headcount.reloaded'
const REMEMBERED_MAX = 64

/** What a tab knows of its earlier pages. */
export interface Memory {
  /** The build that ran when the tab refreshed for `command`; `undefined` if it never did. */
  readonly buildBefore: (command: Command) => string | undefined
  /** Whether the next page will know, and know of each command only if it was refreshed for. */
  readonly remember: (commands: readonly Command[], build: string) => boolean
}

/** Reads what is known: in all places, so that it is found wherever it could be written. */
export function createMemory(places: readonly Place[]): Memory {
  /** One a line: neither a version nor a number has control characters. */
  const builds = new Map(places.flatMap((place) => (place.read(KEY) ?? '').split('\n').map((line) => line.split('\t') as [string, string])))
  return {
    buildBefore: (command) => builds.get(keyOf(command)),
    remember(commands, build) {
      for (const command of commands) builds.set(keyOf(command), build)
      const text = Array.from(builds, (line) => line.join('\t')).slice(-REMEMBERED_MAX).join('\n')
      const last = commands.flatMap(({ id }) => id ?? []).slice(-REMEMBERED_MAX).join()
      return places.some((place) => place.write(KEY, text) && place.read(KEY) === text && place.write(KEY_LAST, last))
    },
  }
}

/** The numbers of the commands that the last refresh was for, with commas between; whoever asks again gets none. */
export function takeReloaded(places: readonly Place[]): string {
  return places.flatMap((place) => {
    const last = place.read(KEY_LAST)
    if (last) place.write(KEY_LAST, '')
    return last || []
  }).join()
}

/** Names a command. Numbers begin anew on a server that lost its store; its epoch, or where it names none the release, does not. */
export function keyOf({ id, version, epoch = '' }: Command): string {
  return `${epoch}${id ?? ''}:${version}`
}
