// What the banner shows: loaded when there is something to lose or to ask, since few pages ever need it.
//
// In a shadow root, styled through `adoptedStyleSheets`: the page's styles do not reach it, and a strict content security
// policy does not forbid it. It takes no focus and covers as little as it can.
//
// This module imports nothing, so that it is one file, and says in its name by a hash which pages it fits.

import type { Prompt } from './events.js'

/** What the banner says. */
export interface BannerTexts {
  readonly ready: string
  /** Where a reload would cost something. */
  readonly unsaved: string
  readonly reload: string
  readonly later: string
}

const ENGLISH: BannerTexts = {
  ready: 'A new version of this page is ready.',
  unsaved: 'A new version of this page is ready. Save your work, then reload.',
  reload: 'Reload',
  later: 'Later',
}

const STYLE = `div,button{padding:.5em 1em;font:16px system-ui;color:#fff;background:#223;border:1px solid;border-radius:.5em}
div{position:fixed;bottom:1em;left:1em;margin-right:1em;z-index:2147483647;display:flex;flex-wrap:wrap;gap:.5em;align-items:center}`

/** Shows the question; `hide` takes it away. */
export function draw(document: Document, texts: Partial<BannerTexts>, prompt: Prompt, hide: () => void): HTMLElement {
  const said = { ...ENGLISH, ...texts }
  const host = document.createElement('headcount-banner')
  const root = host.attachShadow({ mode: 'open' })
  const style = new CSSStyleSheet()
  style.replaceSync(STYLE)
  root.adoptedStyleSheets = [style]
  const box = document.createElement('div')
  const text = document.createElement('output') // Its role is that of a status.
  box.append(text, button(document, said.reload, prompt.reload), button(document, said.later, hide))
  root.append(box)
  document.body.append(host)
  text.textContent = prompt.reasons.length > 0 ? said.unsaved : said.ready // Last: a screen reader reads a status out when it changes.
  return host
}

function button(document: Document, label: string, click: () => void): HTMLButtonElement {
  const made = document.createElement('button')
  made.textContent = label
  made.onclick = click
  return made
}
