// The plainest question: for pages that cannot load a better one.

import type { Prompt } from './events.js'
import type { BannerTexts } from './question.js'

/** Shows it until it is removed. Through properties, which no policy for style forbids. */
export function drawPlain(document: Document, { unsaved = 'New version: save and reload' }: Partial<BannerTexts>, prompt: Prompt): HTMLElement {
  const button = document.createElement('button')
  button.textContent = unsaved
  button.onclick = prompt.reload
  button.style.cssText = 'position:fixed;bottom:0;z-index:999999999'
  document.body.append(button)
  return button
}
