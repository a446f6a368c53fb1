// Work that can be seen on the page at any time: elements that hold, open dialogs, playing media.
//
// Part of the refresh, which asks for it while one is under way: a large page takes some time to be searched.

const UNNAMED = 'hold'

/** What holds a refresh on the page, in words. With `media`, playing audio and video do; of open dialogs, those that `isCalled`. */
export function standingWork(document: Document, media: boolean, isCalled: (dialog: Element) => boolean): string[] {
  const found: string[] = []
  const others = new Set<string>()
  eachRoot(document, (root) => {
    for (const holder of root.querySelectorAll('[data-headcount-hold]:not([data-headcount-hold="false"])')) {
      found.push(holder.getAttribute('data-headcount-hold') || UNNAMED)
    }
    if (Array.from(root.querySelectorAll('dialog[open]')).some(isCalled)) others.add('dialog')
    if (media && Array.from(root.querySelectorAll<HTMLMediaElement>('audio, video')).some(isPlaying)) others.add('media')
  })
  return [...found, ...others]
}

/** Everything that has elements: the document, open shadow roots, and frames of the same origin. */
function eachRoot(root: Document | ShadowRoot, work: (root: Document | ShadowRoot) => void): void {
  work(root)
  for (const element of root.querySelectorAll('*')) {
    const inner = element.shadowRoot ?? (element as Partial<HTMLIFrameElement>).contentDocument // Null where it may not be seen.
    if (inner) eachRoot(inner, work)
  }
}

function isPlaying(element: HTMLMediaElement): boolean {
  return !element.paused && !element.ended
}
