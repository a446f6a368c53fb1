// The question at the lower edge of the page, for applications that draw none themselves.
//
// How it looks is in `question.ts`, which is loaded when there is a question, or when its user does something that a refresh could
// lose: after a deploy the old files may be gone, so the page fetches it before. Where it cannot be loaded, a plain button asks.

import type { Clock } from './environment.js'
import type { Listeners, Prompt } from './events.js'
import type * as Question from './question.js'

/** What draws the question, and where it comes from. */
export type LoadQuestion = () => Promise<typeof Question>

/** A question that was not loaded by then is asked by the plain button, milliseconds. */
export const LOAD_MS = 5_000

/** Shows a banner for each `prompt`, until `signal` ends it. */
export function showBanner(
  document: Document, listeners: Listeners, texts: Partial<Question.BannerTexts>,
  { clock, loadQuestion }: { readonly clock: Clock; readonly loadQuestion: LoadQuestion }, signal: AbortSignal,
): void {
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
    const show = (draw: typeof Question.draw): void => {
      if (asked !== prompt) return
      shown = draw(document, texts, prompt, hide)
      asked = null
      late()
    }
    late(LOAD_MS, () => { show(drawPlain) })
    loadQuestion().then(({ draw }) => { show(draw) }).catch(() => { show(drawPlain) })
  })
  listeners.on('reloading', hide)
  signal.addEventListener('abort', hide)
}

/** Through properties, which no policy for style forbids. */
function drawPlain(document: Document, { unsaved = 'Save your work, then click to reload for the new version.' }, prompt: Prompt): HTMLElement {
  const button = document.createElement('button')
  button.textContent = unsaved
  button.onclick = prompt.reload
  button.style.cssText = 'position:fixed;bottom:0;z-index:2147483647'
  document.body.append(button)
  return button
}
