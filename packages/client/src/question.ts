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

const STYLE = `:host{display:block;position:fixed;inset:auto auto 0 0;margin:1em;padding:0;border:0;background:none;overflow:visible;z-index:2147483647}
div,button{padding:.5em 1em;font:16px system-ui;color:#fff;background:#223;border:1px solid;border-radius:.5em}
div{display:flex;flex-wrap:wrap;gap:.5em;align-items:center}`

/** How often the question looks for its place, milliseconds. */
const PLACE_MS = 500

/** Shows the question until it is removed; `hide` removes it. */
export function draw(document: Document, texts: Partial<BannerTexts>, prompt: Prompt, hide: () => void): Pick<HTMLElement, 'remove'> {
  const said = { ...ENGLISH, ...texts }
  const host = document.createElement('headcount-banner')
  const root = host.attachShadow({ mode: 'open' })
  const style = new CSSStyleSheet()
  style.replaceSync(STYLE)
  root.adoptedStyleSheets = [style]
  const box = document.createElement('div')
  const text = document.createElement('output') // Its role is that of a status.
  box.append(text, button(document, said.reload, prompt.reload), button(document, said.later, () => {
    hide()
    prompt.later()
  }))
  root.append(box)
  host.setAttribute('popover', 'manual')
  place(host)
  const placing = setInterval(place, PLACE_MS, host)
  text.textContent = prompt.reasons.length > 0 ? said.unsaved : said.ready // Last: a screen reader reads a status out when it changes.
  return {
    remove() {
      clearInterval(placing)
      host.remove()
    },
  }
}

/**
 * On top of the page, and where it can be clicked: while a modal dialog is open or an element fills the screen, only what is inside of it
 * can. These come and go, and may take with them what is inside. What the page puts on top later, such as another popover, covers it:
 * then it comes up again.
 */
function place(host: HTMLElement): void {
  const { body } = host.ownerDocument
  const full = fullIn(host.ownerDocument)
  const modals = modalsIn(full ?? host.ownerDocument)
  const parent = modals.find(isActive) ?? modals.at(-1) ?? full ?? body
  if (host.parentNode !== parent) {
    parent.append(host)
    host.showPopover?.() // Above the dialog, even if the dialog clips its content.
  } else if (isCovered(host)) {
    host.hidePopover?.()
    host.showPopover?.()
  }
}

/** What fills the screen and can hold the question. */
function fullIn({ fullscreenElement }: DocumentOrShadowRoot): Element | null {
  const inner = fullscreenElement?.shadowRoot?.fullscreenElement ? fullIn(fullscreenElement.shadowRoot) : fullscreenElement
  return inner?.matches('video,audio,canvas,iframe,img,embed,object') ? null : inner ?? null
}

/** The modal dialogs below `root`, those under open shadow roots too. */
function modalsIn(root: ParentNode): Element[] {
  return Array.from(root.querySelectorAll('*')).flatMap((element) => [
    ...element.matches('dialog:modal') ? [element] : [], ...element.shadowRoot ? modalsIn(element.shadowRoot) : [],
  ])
}

/** Whether its user is in it. */
function isActive(modal: Element): boolean {
  const { activeElement } = modal.getRootNode() as Document | ShadowRoot
  return modal.contains(activeElement)
}

function isCovered(host: HTMLElement): boolean {
  const { left, top, width, height } = host.getBoundingClientRect()
  const above = (host.getRootNode() as Document | ShadowRoot).elementFromPoint(left + width / 2, top + height / 2)
  return above !== null && above !== host && !host.contains(above)
}

function button(document: Document, label: string, click: () => void): HTMLButtonElement {
  const made = document.createElement('button')
  made.textContent = label
  made.onclick = click
  return made
}
