// Acts on the effects of the refresh: the one place that holds its timer, its memory and its look at the page.
//
// Loaded when a command reaches the tab, or when its user does something that a refresh could lose. After a deploy the files of an
// old page may be gone, so the server has this one under a name that stays: `client/refreshing.1.js`. The number is that of
// {@link RefreshNeeds} and {@link Refreshing}; it rises when those change so that older pages cannot use them.

import { reloadAgain } from './again.js'
import { showBanner, type DrawPlain, type ShowsBanner } from './banner.js'
import type { Clock } from './clock.js'
import type { Command, Listeners } from './events.js'
import { historyPlace } from './history-place.js'
import { lookAt } from './leap.js'
import { createMemory } from './memory.js'
import type { Outcome, VersionMessage } from './messages.js'
import { newRefresh, refreshed, type Look, type RefreshEffect, type RefreshEvent, type RefreshSettings, type Sight } from './refresh.js'
import { standingWork } from './standing.js'
import type { Place } from './storage.js'
import { weigh } from './weighing.js'
import type { Work } from './work.js'

/** Fewer than the messages that a server takes at once. */
const SAID_MAX = 32

/** What stands between a refresh and the world. */
export interface RefreshNeeds extends RefreshSettings {
  readonly clock: Clock
  /** Where the tab's own memory lies, the best place first. */
  readonly places: (history: typeof historyPlace) => readonly Place[]
  /** The tab's id. */
  readonly tab: () => string
  readonly listeners: Listeners
  /** Tells the server what becomes of the command of this number. */
  readonly acknowledge: (id: number, outcome: Outcome) => void
  readonly sight: () => Omit<Sight, 'now' | 'chance'>
  /** Says what else would be lost, by what is on the page. */
  readonly standing: (standing: typeof standingWork) => readonly string[]
  /** Tells what its user does. */
  readonly hear: Work['hear']
  /** Has its user asked, if that is wanted. */
  readonly asking: (show: (draw: DrawPlain, ...rest: ShowsBanner) => void) => void
  /** Says what the page would be if it were loaded now; a test's. Default: {@link lookAt}. */
  readonly look?: () => Promise<Look>
  readonly reload: () => void
  /** How it is done once more; a test's. Default: {@link reloadAgain}. */
  readonly again?: (place: Place) => void
}

/** The refresh of one page load. */
export interface Refreshing {
  readonly told: (message: VersionMessage) => void
  readonly happened: (event: RefreshEvent) => void
}

/** Nothing is under way yet. */
export function createRefresh(needs: RefreshNeeds): Refreshing {
  const { clock, build, listeners, acknowledge, sight, look = () => lookAt(window), reload, again = (place) => { reloadAgain(window, place, reload) } } = needs
  const places = needs.places(historyPlace)
  const [place] = places
  const memory = createMemory(places, needs.tab)
  let hasGone = false
  let refresh = newRefresh(needs)
  const timer = clock.timer()
  needs.hear(weigh)
  needs.asking(showBanner)
  /** The last outcome for each command. It is sent again on each new stream, except `reloading`, which the next page reports. */
  const said = new Map<number, Outcome>()
  let numbered = ''
  listeners.on('connected', ({ epoch }) => {
    number(epoch)
    for (const [id, outcome] of said) if (outcome !== 'reloading') acknowledge(id, outcome)
  })

  function happened(event: RefreshEvent): void {
    const seen = sight()
    const reasons = [...seen.reasons, ...needs.standing(standingWork)]
    const [next, effects] = refreshed(refresh, event, { ...seen, reasons, now: clock.now(), chance: clock.random() })
    refresh = next
    effects.forEach(act)
  }

  /** Another server, or one that lost its store, gives the same numbers to other commands. */
  function number(epoch = ''): void {
    if (epoch !== numbered) said.clear()
    numbered = epoch
  }

  /** Once for each change of the outcome. */
  function say(id: number, outcome: Outcome): void {
    if (said.get(id) === outcome) return
    said.delete(id)
    for (const [oldest] of said.set(id, outcome)) if (said.size > SAID_MAX) said.delete(oldest)
    acknowledge(id, outcome)
  }

  function act(effect: RefreshEffect): void {
    switch (effect.type) {
      case 'acknowledge': say(effect.id, effect.outcome); break
      case 'prompt': listeners.emit('prompt', { ...effect, reload: () => { happened({ type: 'consented' }) }, later: () => { happened({ type: 'later' }) } }); break
      case 'held': listeners.emit('held', effect); break
      case 'reloading': case 'stuck': listeners.emit(effect.type, effect.command); break
      case 'wait': timer(effect.ms, () => { happened({ type: effect.until }) }); break
      case 'rest': timer(); break
      case 'look': void look().then((seen) => { happened({ type: 'looked', ...seen }) }); break
      case 'remember': happened({ type: memory.remember(effect.commands, build) ? 'remembered' : 'not-remembered' }); break
      case 'reload':
        if (hasGone && place) again(place)
        else reload()
        hasGone = true
    }
  }

  return {
    told({ id = null, version, epoch, force, prompt }) {
      const command: Command = { id, version, epoch }
      number(epoch)
      if (force || prompt) happened({ type: 'told', command, force: !!force, tried: memory.tried(command) })
    },
    happened,
  }
}
