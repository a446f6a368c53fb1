// How elements of a page are found and aimed at. These functions run in the page, each sent there as its source; so each stands alone.

/**
 * What to look for: `css` or a button by `name` or `text`, in shadow roots too, and inside of the frame that `frame` finds.
 *
 * @typedef {{ css?: string, button?: string, name?: { text: string, is: 'equal' | 'part' | 'pattern' }, text?: string, frame?: string }} Sought
 */

/** All that is found. @param {Sought} sought @returns {Element[]} */
export function find({ css, name, text, frame }) {
  const start = frame === undefined ? document : document.querySelector(frame)?.contentDocument
  /** Elements of a tree and of the shadow roots in it. */
  const within = (root, selector) => [
    ...root.querySelectorAll(selector),
    ...[...root.querySelectorAll('*')].flatMap(({ shadowRoot }) => shadowRoot ? within(shadowRoot, selector) : []),
  ]
  if (!start) return []
  if (css !== undefined) return within(start, css)
  const contains = ({ textContent }, part) => textContent.toLowerCase().includes(part.toLowerCase())
  if (text !== undefined) {
    return within(start, 'body *').concat(within(start, 'output')).filter((element) =>
      contains(element, text) && !/SCRIPT|STYLE/.test(element.tagName) && ![...element.children].some((child) => contains(child, text)))
  }
  return within(start, 'button,[role=button]').filter((element) => {
    const said = (element.ariaLabel ?? element.textContent).trim()
    if (name.is === 'equal') return said === name.text
    return name.is === 'part' ? said.toLowerCase().includes(name.text.toLowerCase()) : new RegExp(name.text).test(said)
  })
}

/**
 * Where the first of these can be clicked, once it is in view and nothing covers it.
 *
 * @param {Element[]} found
 * @returns {{ x: number, y: number } | null}
 */
export function aim([element]) {
  if (!element) return null
  element.scrollIntoView({ block: 'nearest', inline: 'nearest', behavior: 'instant' })
  const { left, top, width, height } = element.getBoundingClientRect()
  const at = { x: Math.round(left + width / 2), y: Math.round(top + height / 2) }
  if (width === 0 || height === 0) return null
  const frame = element.ownerDocument.defaultView.frameElement
  let hit = element.ownerDocument.elementFromPoint(at.x, at.y)
  while (hit?.shadowRoot) {
    const inside = hit.shadowRoot.elementFromPoint(at.x, at.y)
    if (!inside || inside === hit) break
    hit = inside
  }
  if (hit !== element && !element.contains(hit) && !element.shadowRoot?.contains(hit)) return null
  if (!frame) return at
  const outer = frame.getBoundingClientRect()
  return { x: at.x + Math.round(outer.left + frame.clientLeft), y: at.y + Math.round(outer.top + frame.clientTop) }
}

/** Focuses the first of these, and selects what stands in it. @param {Element[]} found */
export function choose([element]) {
  if (!element) return false
  element.focus()
  element.select?.()
  return true
}
