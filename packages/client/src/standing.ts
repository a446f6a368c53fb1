// What a refresh would cost now: what was done and still counts, and what can be seen on the page at any time.
//
// Part of the refresh, which asks for it while one is under way: a large page takes some time to be searched.

import { closest } from './composed.js'
import { isUsed, type Visit } from './visit.js'
import { worked } from './weighing.js'
import type { Field, Work } from './work.js'

const UNNAMED = 'hold'
/** What is typed into a search field, or is in the address, is work for so long, milliseconds. */
const SEARCH_MS = 60_000
const SEARCH = '[type=search],[role=searchbox],[enterkeyhint=search],[role=search] *,search *,form[method=get] *'
/** A shorter text is in an address by chance. */
const TELLING = 3

/** What would be lost besides what is held by code, in words. With `media`, playing audio and video would. */
export function standingWork(document: Document, media: boolean, { notes, isCalled }: Pick<Work, 'notes' | 'isCalled'>): string[] {
  const found: string[] = []
  const others = new Set<string>()
  for (const visit of worked(notes)) if (counts(visit)) others.add(visit.reason)
  eachRoot(document, (root) => {
    for (const holder of root.querySelectorAll('[data-headcount-hold]:not([data-headcount-hold="false"])')) {
      found.push(holder.getAttribute('data-headcount-hold') || UNNAMED)
    }
    if (Array.from(root.querySelectorAll('dialog[open]')).some((dialog) => isOpened(dialog, isCalled) && !closest(dialog, '[data-headcount-hold="false"]'))) others.add('dialog')
    if (media && Array.from(root.querySelectorAll<HTMLMediaElement>('audio, video')).some(isPlaying)) others.add('media')
  })
  return [...found, ...others]
}

/** Of those under shadow roots and in frames it is not known whether they were open before: one that its user cannot pass by counts. */
function isOpened(dialog: Element, isCalled: Work['isCalled']): boolean {
  return isCalled(dialog) && (dialog.getRootNode() === document || dialog.matches(':modal') || isUsed(dialog))
}

function counts({ ref, at, mayGo, passes, query }: Visit): boolean {
  const field = ref.deref()
  if (mayGo && !(field?.isConnected && field.ownerDocument.defaultView)) return false
  if (!field) return true
  if (field.matches(SEARCH) || (!passes && isInAddress(field, query))) return performance.now() - at < SEARCH_MS
  return true
}

/**
 * Whether the page keeps it in the query of its address, as filters do: there the next page finds it again. By its name, or because its
 * value came into the address after its user began; `before` is what was there then.
 */
function isInAddress({ checked, id, name, type, value, ownerDocument }: Field & { readonly name?: string; readonly type?: string }, before: string | undefined): boolean {
  if (typeof value !== 'string' || !value || checked === false && (type === 'checkbox' || type === 'radio')) return false
  const earlier = before === undefined ? [] : pairsOf(before).map(String)
  return pairsOf(ownerDocument.location.search).some(([key, kept]) => [kept, ...kept.split(',')].includes(value)
    && (key === name || key === id || value.length >= TELLING && before !== undefined && !earlier.includes(String([key, kept]))))
}

function pairsOf(query: string): [string, string][] {
  return Array.from(new URLSearchParams(query))
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
