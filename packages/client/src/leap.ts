// Looking before leaping: what the page would be if the tab loaded it now.

import type { Look } from './refresh.js'

/** A page that takes longer is not well, milliseconds. */
const ANSWER_MS = 15_000
/** Answers of a server that will do later. */
const LATER = [408, 425, 429]
/** What could not be looked at may be well. */
const UNKNOWN: Look = { answer: 'well', build: '' }

/** Gets the page, without showing it. */
export async function lookAt({ document, location }: Window): Promise<Look> {
  if (!location.protocol.startsWith('http')) return UNKNOWN
  let isForbidden = false
  const forbidden = (): void => { isForbidden = true }
  document.addEventListener('securitypolicyviolation', forbidden)
  const get = (redirect: RequestRedirect): Promise<Response> => fetch(location.href, {
    cache: 'no-cache', credentials: 'include', headers: { accept: 'text/html' }, redirect, signal: AbortSignal.timeout(ANSWER_MS),
  })
  try {
    // The way to another origin, such as one that signs in, is not ours to follow.
    const { ok, status, type, text } = await get('follow').then(async (answer) => ({ ...parts(answer), text: await answer.text() }), async () => ({ ...parts(await get('manual')), text: '' }))
    if (ok || type === 'opaqueredirect') return { answer: 'well', build: buildOf(text) }
    return { answer: status < 500 && !LATER.includes(status) ? 'refused' : 'unwell', build: '' }
  } catch {
    await new Promise((resolve) => { setTimeout(resolve) }) // The browser says that it was a policy a task later.
    return isForbidden ? UNKNOWN : { answer: 'unwell', build: '' }
  } finally {
    document.removeEventListener('securitypolicyviolation', forbidden)
  }
}

function parts({ ok, status, type }: Response) {
  return { ok, status, type }
}

/**
 * The build that a page says it is, by `<meta name="headcount-version" content="v42">` or by the script tag. Without a parser:
 * a strict policy forbids the browser's.
 */
export function buildOf(html: string): string {
  const [tag] = html.match(/<meta\b[^>]*headcount-version[^>]*>|<script\b[^>]*\/client\.js[^>]*>/i) ?? []
  const [, , value = '', bare = ''] = /\b(content|data-version)\s*=\s*(?:["']([^"']*)|([^\s>]+))/i.exec(tag ?? '') ?? []
  return value || bare
}
