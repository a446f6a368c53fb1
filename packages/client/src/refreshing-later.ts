// The refresh, for tabs that get a command: what decides about it is loaded then, or when there is first something to lose.
//
// Invariants: no command is lost, and where the refresh cannot be loaded, its user is asked; there is one refresh, however often it is
// asked for while it is being loaded.

import type { Listeners, Prompt } from './events.js'
import type { VersionMessage } from './messages.js'
import type { RefreshEvent } from './refresh.js'
import type * as Refreshes from './refreshing.js'
import type { Refreshing, RefreshNeeds } from './refreshing.js'

/** What refreshes, and where it comes from. */
export type LoadRefresh = () => Promise<typeof Refreshes>

/** The refresh of one page load, loaded or not. */
export interface LateRefresh extends Refreshing {
  readonly load: () => void
}

/** Nothing is under way yet. */
export function createLateRefresh(loadRefresh: LoadRefresh, needs: RefreshNeeds, listeners: Listeners): LateRefresh {
  let refresh: Refreshing | undefined
  const told: VersionMessage[] = []
  let plain: Pick<HTMLElement, 'remove'> | undefined

  async function load(): Promise<void> {
    if (!refresh) await loadRefresh().then(({ createRefresh }) => { refresh ??= createRefresh(needs) }, () => {})
    plain?.remove()
    told.splice(0).forEach(refresh?.told ?? ask)
  }

  function ask(message: VersionMessage): void {
    const { id = null, version, epoch } = message
    if (id !== null) needs.acknowledge(id, 'prompted')
    const reasons = [...needs.sight().reasons, ...needs.standing((_document, _media, { notes }) => notes.length > 0 ? ['form'] : [])]
    const prompt: Prompt = { command: { id, version, epoch }, reasons, reload: needs.reload, later() {} }
    listeners.emit('prompt', prompt)
    plain?.remove()
    needs.asking((draw) => { plain = draw(prompt) })
  }

  return {
    load() { void load() },
    told(message) {
      if (refresh) return refresh.told(message)
      if (!message.force && !message.prompt) return
      told.push(message)
      void load()
    },
    happened(event: RefreshEvent) {
      if (refresh) refresh.happened(event)
      else if (event.type === 'consented') needs.reload()
      else if (event.type === 'stopped') told.length = 0
    },
  }
}
