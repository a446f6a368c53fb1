// The question at the lower edge of the page, for applications that draw none themselves.
//
// How it looks is in `question.ts`, which is loaded when there is a question, or when its user does something that a refresh could
// lose: after a deploy the old files may be gone, so the page fetches it before. Where it cannot be loaded, a plain button asks.
// Part of the refresh, which asks.

import type { Clock } from './clock.js'
import type { Listeners, Prompt } from './events.js'
import type * as Question from './question.js'

/** What draws the question, and where it comes from. */
export type LoadQuestion = () => Promise<typeof Question>

/** A question that was not loaded by then is asked by the plain button, milliseconds. */
export const LOAD_MS = 5_000

/** Draws the plain button. */
export type DrawPlain = (prompt: Prompt) => Pick<HTMLElement, 'remove'>

/** What a banner is shown with. */
export type ShowsBanner = [
  document: Document, listeners: Listeners, texts: Partial<Question.BannerTexts>,
  loads: { readonly clock: Clock; readonly loadQuestion: LoadQuestion }, signal: AbortSignal,
]

/** Shows a banner for each `prompt`, until `signal` ends it. */
export function showBanner(drawPlain: DrawPlain, ...[document, listeners, texts, { clock, loadQuestion }, signal]: ShowsBanner): void {
  let asked: Prompt | null = null
  let shown: Pick<HTMLElement, 'remove'> | null = null
  const late = clock.timer()
  const hide = (): void => {
    late()
    asked = null
    shown?.remove()
  }
  listeners.on('prompt', (prompt) => {
    hide()
    asked = prompt
    const show = (draw: () => Pick<HTMLElement, 'remove'>): void => {
      if (asked !== prompt) return
      shown = draw()
      asked = null
      late()
    }
    const plain = (): void => { show(() => drawPlain(prompt)) }
    late(LOAD_MS, plain)
    loadQuestion().then(({ draw }) => { show(() => draw(document, texts, prompt, hide)) }).catch(plain)
  })
  listeners.on('reloading', hide)
  signal.addEventListener('abort', hide)
}
