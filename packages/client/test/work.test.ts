// @vitest-environment happy-dom

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { standingWork } from '../src/standing.js'
import { weigh } from '../src/weighing.js'
import { watchWork, type Work } from '../src/work.js'

let work: Work
let stop: AbortController
beforeEach(() => {
  stop = new AbortController()
  work = watchWork(document, () => {}, stop.signal)
  work.hear(weigh)
})
afterEach(() => {
  work.saved()
  work.navigated()
  stop.abort()
  document.body.innerHTML = ''
})

const reasons = (): string[] => [...work.holds(), ...standingWork(document, true, work)]

function write(html: string): HTMLInputElement {
  document.body.innerHTML = html
  return document.body.querySelector<HTMLInputElement>('[name=field]') ?? document.createElement('input')
}

function enter(field: HTMLElement, change: () => void): void {
  field.dispatchEvent(real('focusin'))
  change()
  field.dispatchEvent(real('input'))
}

/** An event as the browser's own are, at a point of the window where that matters. */
function real(name: string, y = 0): Event {
  const event = Object.assign(new Event(name, { bubbles: true }), { x: 0, y, clientX: 0, clientY: y })
  return Object.defineProperty(event, 'isTrusted', { value: true })
}

/** Presses the pointer on `element`, and lets it go further down. */
function press(element: Element, down: number): void {
  element.dispatchEvent(real('pointerdown'))
  element.dispatchEvent(real('pointerup', down))
  element.dispatchEvent(real('click', down))
}

describe('forms', () => {
  test.each([
    ['a text field', '<input name="field" value="a">', (field: HTMLInputElement) => { field.value = 'b' }],
    ['a text area', '<textarea name="field">a</textarea>', (field: HTMLInputElement) => { field.value = 'b' }],
    ['a tick', '<input name="field" type="checkbox">', (field: HTMLInputElement) => { field.checked = true }],
    ['text that can be edited', '<p name="field" contenteditable>a</p>', (field: HTMLInputElement) => { field.innerHTML = 'b' }],
  ])('%s that was changed is work', (_name, html, change) => {
    const field = write(html)
    expect(reasons()).toEqual([])
    enter(field, () => { change(field) })
    expect(reasons()).toEqual(['form'])
  })

  test('a field that has its first value again is not work', () => {
    const field = write('<input name="field" value="a">')
    enter(field, () => { field.value = 'b' })
    enter(field, () => { field.value = 'a' })
    expect(reasons()).toEqual([])
  })

  test('a field that a script filled before its user came is not work', () => {
    const field = write('<input name="field">')
    field.value = 'from the server'
    enter(field, () => {})
    expect(reasons()).toEqual([])
  })

  test.each([
    ['one that a script took off the page', (field: HTMLInputElement) => { field.remove() }],
    ['one that a script emptied', (field: HTMLInputElement) => { field.value = '' }],
  ])('%s is still work, until it is saved', (_name, change) => {
    const field = write('<form><input name="field"></form>')
    enter(field, () => { field.value = 'b' })
    change(field)
    expect(reasons()).toEqual(['form'])
    work.saved()
    expect(reasons()).toEqual([])
  })

  test('a form that leaves the page with a navigation, or after it, is not work', () => {
    const field = write('<form><input name="field"></form>')
    enter(field, () => { field.value = 'b' })
    work.navigated()
    expect(reasons()).toEqual(['form'])
    document.body.innerHTML = ''
    expect(reasons()).toEqual([])
  })

  test('one that comes back with what was typed is work again', () => {
    const field = write('<form><input name="field"></form>')
    enter(field, () => { field.value = 'b' })
    const form = field.form ?? field
    form.remove()
    work.navigated()
    expect(reasons()).toEqual([])
    document.body.append(form)
    expect(reasons()).toEqual(['form'])
  })

  test('a form that is reset is not work', () => {
    const field = write('<form><input name="field"></form>')
    enter(field, () => { field.value = 'b' })
    field.form?.dispatchEvent(real('reset'))
    expect(reasons()).toEqual([])
  })

  test('a part of the page that says that nothing is lost there is not work', () => {
    const field = write('<p data-headcount-hold="false"><input name="field"></p>')
    enter(field, () => { field.value = 'b' })
    expect(reasons()).toEqual([])
  })

  test('a field that was saved and then emptied by a script is not work', () => {
    const field = write('<input name="field">')
    enter(field, () => { field.value = 'b' })
    work.saved()
    field.value = ''
    expect(reasons()).toEqual([])
  })

  test.each([
    ['a click', 0],
    ['a drag', 20],
  ])('a step that is taken off the page once %s has saved it is not work', (_name, down) => {
    const field = write('<form><input name="field"><button>Send</button></form>')
    enter(field, () => { field.value = 'b' })
    press(document.querySelector('button') ?? field, down)
    expect(reasons()).toEqual(['form'])
    work.saved()
    field.form?.remove()
    expect(reasons()).toEqual([])
  })

  test('an emptied form that a click takes off the page is not work', () => {
    const field = write('<form><input name="field"><button>Close</button></form>')
    enter(field, () => { field.value = 'b' })
    enter(field, () => { field.value = '' })
    press(document.querySelector('button') ?? field, 0)
    field.form?.remove()
    expect(reasons()).toEqual([])
  })

  test('who watches later knows of it too', () => {
    const field = write('<input name="field">')
    enter(field, () => { field.value = 'b' })
    stop.abort()
    work = watchWork(document, () => {}, new AbortController().signal)
    expect(reasons()).toEqual(['form'])
  })

  test('saving ends it, until the next change', () => {
    const field = write('<form id="a"><input name="field"></form><form id="b"></form>')
    enter(field, () => { field.value = 'b' })
    work.saved(document.querySelector('#b') ?? document)
    expect(reasons()).toEqual(['form'])
    work.saved(document.querySelector('#a') ?? document)
    expect(reasons()).toEqual([])
    enter(field, () => { field.value = 'c' })
    work.saved()
    expect(reasons()).toEqual([])
  })
})

describe('holds', () => {
  test('an attribute anywhere, with or without a reason', () => {
    document.body.innerHTML = '<div data-headcount-hold></div><p data-headcount-hold="upload"></p><p data-headcount-hold="false"></p>'
    expect(reasons()).toEqual(['hold', 'upload'])
  })

  test('an attribute under a shadow root', () => {
    document.body.innerHTML = '<div></div>'
    document.body.firstElementChild?.attachShadow({ mode: 'open' }).append(Object.assign(document.createElement('p'), { innerHTML: '<b data-headcount-hold="call"></b>' }))
    expect(reasons()).toEqual(['call'])
  })

  test('from code, each until it is let go', () => {
    const [one, two] = [work.hold('call'), work.hold('call')]
    one()
    one()
    expect(reasons()).toEqual(['call'])
    two()
    expect(reasons()).toEqual([])
  })

  test('playing media', () => {
    document.body.innerHTML = '<video></video>'
    const video = document.querySelector('video')
    Object.defineProperty(video, 'paused', { value: false })
    expect(reasons()).toEqual(['media'])
  })
})
