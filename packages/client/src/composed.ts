// The page as its user sees it: over the borders of shadow roots and of frames of the same origin.

/** The nearest of `element` and what it is in that matches. */
export function closest(element: Element | null | undefined, selector: string): Element | null {
  for (let inner = element; inner; inner = hostOf(inner)) {
    const found = inner.closest(selector)
    if (found) return found
  }
  return null
}

/** Whether `outer` contains `element`. */
export function contains(outer: Node, element: Element): boolean {
  for (let inner: Element | null | undefined = element; inner; inner = hostOf(inner)) if (outer.contains(inner)) return true
  return false
}

/** The element that the tree of `element` hangs on: the host of its shadow root, or its frame. */
export function hostOf(element: Element): Element | null | undefined {
  const root = element.getRootNode()
  if ('localName' in root) return null // An element that is off the page; of a link, `host` is that of its address.
  const { host, defaultView } = root as { readonly host?: Element, readonly defaultView?: Window | null }
  return host ?? defaultView?.frameElement
}
