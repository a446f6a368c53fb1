// What its user moved, by the pointer or by keys: not a selection, nor a look around.
//
// Moved is what has another parent, or another place among the elements that were beside it before. New neighbours alone do not
// count: feeds grow while they are read.

import type { From } from './work.js'

/** Looking around: a map, a chart, or the hand of a drawing program. */
export const LOOKS_AROUND = /grab|zoom|all-scroll/
/** A list that was sorted with the pointer shows what was moved about there, pixels. */
const NEAR_PX = 40
/** What a click may take off the page with itself; a hand that shakes moves the pointer no further, pixels. */
const CLICKED = 'button,a,summary,[role=button],[role=tab],[role=menuitem]'
const SHAKES_PX = 16
/** Notices and sheets that are wiped away. */
const WIPED = '[role=dialog],dialog,[role=status],[role=alert],[aria-live]'
/** So far up a swipe is declared, elements. */
const SWIPE_DEPTH = 4

/** A pointer that moves no further clicks, pixels; as in `work.ts`, which this part must not load. */
const DRAG_PX = 4

/** Where the pointer was let go. `null` for keys. */
export type Drop = { readonly x: number; readonly y: number } | null

/** Whether the pointer is let go elsewhere than it was pressed: a click is not a drag, even if the clicked element moves. */
export function isDrag({ event }: From, { x, y }: PointerEvent): boolean {
  const down = event as PointerEvent
  return Math.hypot(x - down.x, y - down.y) > DRAG_PX
}

/** Whether something under the pointer, or with the focus, is somewhere else now. */
export function isMoved({ path, rows, x, y }: From, drop: Drop): boolean {
  const end = path?.findIndex((element) => element.localName === 'body') ?? 0
  for (let index = 0; index < end; index++) {
    const element = path[index]
    if (!element?.matches) continue
    // Of a slotted element the next one on the path is the slot.
    const at = rows?.findIndex((row) => row.includes(element)) ?? index + 1
    const parent = path[at]
    if (!parent) continue
    if (!element.isConnected) return !!drop && !isDismissed(path, Math.hypot(drop.x - x, drop.y - y)) && !looksAround(path.slice(index + 1).find((outer) => outer.isConnected && !!outer.localName))
    if (element.parentNode !== parent) return !!drop || !isPlayed(element)
    if (!isSorted(element, rows?.[at] ?? [])) continue
    if (!drop || isNear(element, drop, Math.abs(drop.x - x) > Math.abs(drop.y - y)) && !isSwiped(path.slice(index))) return !isPlayed(element)
  }
  return false
}

/** Whether what has gone was clicked away, or wiped away. What it was in and is still there says nothing. */
function isDismissed(path: readonly Element[], moved: number): boolean {
  return path.some((element) => !element.isConnected && (element.matches?.(WIPED) || moved < SHAKES_PX && element.matches?.(CLICKED)))
}

/** Whether `element` is before or behind others than it was. */
function isSorted(element: Element, row: readonly Element[]): boolean {
  const at = row.indexOf(element)
  return at >= 0 && row.some((other, index) => other !== element && other.parentNode === element.parentNode
    && !!(element.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_PRECEDING) !== index < at)
}

function isNear(element: Element, { x, y }: NonNullable<Drop>, isAcross: boolean): boolean {
  const { left, right, top, bottom } = element.getBoundingClientRect()
  return isAcross ? x > left - NEAR_PX && x < right + NEAR_PX : y > top - NEAR_PX && y < bottom + NEAR_PX
}

/** Carousels leave one direction to the browser, so that pages can be scrolled over them. What is sorted leaves it none. */
function isSwiped(path: readonly Element[]): boolean {
  return path.slice(0, SWIPE_DEPTH).some((element) => element.isConnected && !!element.localName && /pan/.test(styleOf(element).touchAction))
}

function isPlayed(element: Element): boolean {
  return !!element.closest('[aria-roledescription=carousel],[aria-roledescription=slide]')
}

function looksAround(element: Element | undefined): boolean {
  return !element || LOOKS_AROUND.test(styleOf(element).cursor)
}

function styleOf(element: Element): CSSStyleDeclaration {
  return getComputedStyle(element)
}
