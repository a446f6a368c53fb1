// Looking before leaping: what the page would be if the tab loaded it now.
//
// `well`: the page, with the client on it. `unwell`: it is not there now, or only a part of it. `refused`: something else is there, such as a page
// that signs in, a notice of maintenance or a file; or it does not end. A tab that went there might never hear of anything again, so its user decides.
//
// What a look costs is bounded in bytes and in time. The answer is read to its end, because one that breaks off is not the page.

import { createMarks, looksFor } from './marks.js'
import type { Look } from './refresh.js'

/** A page that takes longer is not well, milliseconds. */
const ANSWER_MS = 15_000
/** A longer page is not read further, bytes. */
const PAGE_BYTES_MAX = 8_388_608
/** Answers of a server that will do later. */
const LATER = [408, 425, 429]
/** What could not be looked at may be well. */
const UNKNOWN: Look = { answer: 'well', build: '' }
const UNWELL: Look = { answer: 'unwell', build: '' }
const REFUSED: Look = { answer: 'refused', build: '' }

/** Gets the page, without showing it. */
export async function lookAt({ document, location }: Window): Promise<Look> {
  if (!location.protocol.startsWith('http')) return UNKNOWN
  const signal = AbortSignal.timeout(ANSWER_MS)
  let isForbidden = false
  const forbidden = ({ blockedURI, disposition }: SecurityPolicyViolationEvent): void => {
    if (disposition === 'enforce' && blockedURI.startsWith(location.origin)) isForbidden = true
  }
  document.addEventListener('securitypolicyviolation', forbidden)
  const get = (mode: RequestMode): Promise<Response> => fetch(location.href, {
    cache: 'no-cache', credentials: 'include', headers: { accept: 'text/html' }, mode, signal,
  })
  try {
    // Another origin, such as one that signs in, does not let its answer be read. Whether there is one tells it from redirects without end.
    return await read(await get('cors').catch(() => get('no-cors')), document, signal)
  } catch {
    await new Promise((resolve) => { setTimeout(resolve) }) // The browser says that it was a policy a task later.
    return isForbidden ? UNKNOWN : UNWELL
  } finally {
    document.removeEventListener('securitypolicyviolation', forbidden)
  }
}

async function read(answer: Response, document: Document, signal: AbortSignal): Promise<Look> {
  const { body, ok, status, type } = answer
  if (type === 'opaque') return UNKNOWN
  if (ok && body && isShown(answer, document)) return readPage(body, looksFor(document), signal)
  void body?.cancel()
  return ok || (status < 500 && !LATER.includes(status)) ? REFUSED : UNWELL
}

/** Whether a browser shows it in the place of `document`. It stays where it is for an answer without content, and saves a file. */
function isShown({ headers, status }: Response, { contentType }: Document): boolean {
  const [type = ''] = (headers.get('content-type') ?? '').toLowerCase().split(';')
  const isFile = /^\s*(?!inline\b)\w/i.test(headers.get('content-disposition') ?? '')
  return status !== 204 && status !== 205 && !isFile && (type.trim() === contentType || /html|^$/.test(type))
}

async function readPage(body: ReadableStream<Uint8Array<ArrayBuffer>>, mark: RegExp, signal: AbortSignal): Promise<Look> {
  const marks = createMarks(mark)
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let bytes = 0
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return marks.found.isMarked ? { answer: 'well', build: marks.found.build } : REFUSED
      bytes += value.length
      if (bytes > PAGE_BYTES_MAX) return REFUSED
      marks.read(decoder.decode(value, { stream: true }))
    }
  } catch (error) {
    if (signal.aborted) return REFUSED
    throw error
  } finally {
    void reader.cancel().catch(() => {})
  }
}
