// What in the text of a page tells that the client is on it, and its build. Without a parser: a strict policy forbids the browser's.

/** `<meta name="headcount-version" content="v42">`, or the script tag. */
export const MARK = /<meta\b[^>]*headcount-version[^>]*>|<script\b[^>]*\/client\.js[^>]*>/gi
/** Without a script there is no client. */
export const SCRIPT = /<script\b/gi
const BUILD = /\b(?:content|data-version)\s*=\s*(?:["']([^"']*)|([^\s>]+))/i
/** A longer tag may be missed where the text comes in pieces, characters. */
const TAG_MAX = 2_048

/** What a text had so far: what was looked for, and a build; empty if none was named. */
export interface Marked {
  readonly isMarked: boolean
  readonly build: string
}

/** A text that comes in pieces. */
export interface Marks {
  readonly found: Marked
  readonly read: (piece: string) => void
}

/**
 * What the next page must have: what this one came with. A tag that a script has put in does not count, as it is in no text, and a client in
 * a bundle needs no tag.
 */
export function looksFor(document: Document): RegExp {
  const tags = [...document.querySelectorAll<HTMLScriptElement>('script[src*="/client.js"]')]
  // The browser says `async` of what a script has put in.
  const isMarked = document.querySelector('meta[name="headcount-version"]') !== null || tags.some((tag) => !tag.async || tag.hasAttribute('async'))
  return isMarked ? MARK : SCRIPT
}

/** Looks for `mark`, and for the build. */
export function createMarks(mark: RegExp): Marks {
  let found: Marked = { isMarked: false, build: '' }
  let rest = ''
  return {
    get found() { return found },
    read(piece) {
      if (found.isMarked && found.build) return
      rest += piece
      const build = found.build || buildOf(rest)
      found = { isMarked: found.isMarked || rest.search(mark) >= 0, build }
      rest = rest.slice(-TAG_MAX)
    },
  }
}

/** The first build that `html` names. */
function buildOf(html: string): string {
  for (const [tag] of html.matchAll(MARK)) {
    const [, value = '', bare = ''] = BUILD.exec(tag) ?? []
    if (value || bare) return value || bare
  }
  return ''
}
