// The small question at the lower edge of the page, for applications that draw none of their own.
//
// In a shadow root, styled through `adoptedStyleSheets`: the page's styles do not reach it, and a strict content security
// policy does not forbid it. It takes no focus and covers nothing that it need not.

import type { Listeners, Prompt } from './events.js'

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

/** Shows a banner for each `prompt`, until `signal` ends it. */
export function showBanner(document: Document, listeners: Listeners, texts: Partial<BannerTexts>, signal: AbortSignal): void {
  const said = { ...ENGLISH, ...texts }
  let shown: HTMLElement | null = null
  const hide = (): void => { shown?.remove() }
  listeners.on('prompt', (prompt) => {
    hide()
    shown = draw(document, said, prompt, hide)
  })
  listeners.on('reloading', hide)
  signal.addEventListener('abort', hide)
}

function draw(document: Document, said: BannerTexts, prompt: Prompt, hide: () => void): HTMLElement {
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
  text.textContent = prompt.reasons.length > 0 ? said.unsaved : said.ready // Last: a status is read out when it changes.
  return host
}

function button(document: Document, label: string, click: () => void): HTMLButtonElement {
  const made = document.createElement('button')
  made.textContent = label
  made.onclick = click
  return made
}
