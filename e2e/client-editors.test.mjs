// Real editors from npm: what is written into them is work, and what is only read in them is not.

import assert from 'node:assert/strict'
import { before, beforeEach, describe, test } from 'node:test'

import { needs, newVisitor, Tab } from './browser.mjs'
import { editorFiles, editorPage } from './editors.mjs'
import { browser, counted, loaded, server, site } from './stage.mjs'
import { until } from './wait.mjs'

const EDITORS = {
  'monaco': '.view-line', 'monaco with a hidden area': '.view-line', 'codemirror': '.cm-line', 'tiptap': 'p', 'quill': 'p', 'lexical': 'p',
}

/** What changes a text. */
const CHANGES = {
  typing: ({ keyboard }) => keyboard.type('written'),
  'a new line': ({ keyboard }) => keyboard.press('Enter'),
  'taking a letter away': ({ keyboard }) => keyboard.press('Backspace'),
  'composing': (page) => compose(page),
  'cutting': async (page) => {
    const { keyboard } = page
    await keyboard.press('Shift+Home')
    await settled(page)
    await keyboard.press('Control+x')
  },
  'pasting': async (page) => {
    const { keyboard } = page
    await keyboard.press('Shift+Home')
    await settled(page)
    await keyboard.press('Control+c')
    await keyboard.press('End')
    await settled(page)
    await keyboard.press('Control+v')
  },
}

/** Buttons beside a text. */
const BUTTONS = {
  quill: {
    'a button of its bar': async (page) => {
      await page.keyboard.press('Shift+Home')
      await page.click('.ql-bold')
    },
  },
}

/** What stands on the page is a picture of the text: whether that is the old one again cannot be seen. */
const KEEPS_ITS_TEXT_ELSEWHERE = /monaco/

let files
before(async () => { files = await editorFiles() })
beforeEach(() => { Object.assign(site.files, files) })

for (const [name, line] of Object.entries(EDITORS)) {
  describe(name, needs('playwright'), () => {
    test('every change of the text holds a refresh until it is saved', async () => {
      const tab = await open(name)
      let loads = 1
      for (const [what, change] of Object.entries({ ...CHANGES, ...BUTTONS[name] })) {
        await enter(tab, line)
        const before = await text(tab)
        await change(tab.page)
        await until(`the text to change by ${what}`, () => text(tab), (now) => now !== before)
        const written = await text(tab)
        await held(what)
        await tab.loaded(loads)
        assert.equal(await text(tab), written, what)
        await tab.page.evaluate(() => window.headcount.saved())
        loads += 1
        await loaded([[tab, loads]])
        await counted({ total: 1 })
      }
    })

    test('what is undone holds nothing, where it can be seen', async () => {
      const tab = await open(name)
      const before = await text(tab)
      await enter(tab, line)
      await tab.page.keyboard.type('abc')
      const { id } = await held('typing')
      await until('the old text', async () => {
        await tab.page.keyboard.press('Control+z')
        return text(tab)
      }, (now) => now === before)
      if (KEEPS_ITS_TEXT_ELSEWHERE.test(name)) {
        assert.equal((await server.invalidation(id)).outcomes.held, 1)
        await tab.page.evaluate(() => window.headcount.saved())
      }
      await loaded([[tab, 2]])
    })

    test('reading, scrolling, selecting and copying hold nothing', async () => {
      const tab = await open(name)
      const { page } = tab
      await enter(tab, line)
      await page.mouse.wheel(0, 300)
      await page.mouse.wheel(0, -300)
      const { x, y } = await page.locator('#editor').boundingBox()
      await page.mouse.move(x + 80, y + 90)
      await page.mouse.down()
      await page.mouse.move(x + 120, y + 150, { steps: 5 })
      await page.mouse.up()
      for (const keys of ['Control+c', 'ArrowDown', 'Shift+ArrowDown', 'PageDown', 'Home', 'Control+a', 'Control+c', 'Escape']) await page.keyboard.press(keys)
      await page.mouse.dblclick(x + 80, y + 90)
      await server.command('invalidate-route', { route: '/a' })
      await loaded([[tab, 2]])
    })
  })
}

/** An editor follows a selection when the browser tells it, a moment later. */
function settled(page) {
  return page.evaluate(() => new Promise((resolve) => { requestAnimationFrame(() => { requestAnimationFrame(resolve) }) }))
}

/** By the browser, as an input method does. */
async function compose(page) {
  const session = await page.context().newCDPSession(page)
  await session.send('Input.imeSetComposition', { text: 'に', selectionStart: 1, selectionEnd: 1 })
  await session.send('Input.insertText', { text: '日' })
}

async function open(name) {
  site.body = editorPage(name)
  const visitor = await newVisitor(browser)
  await visitor.grantPermissions(['clipboard-read', 'clipboard-write'])
  const tab = await Tab.open(visitor, `${site.url}/a`)
  await tab.page.locator(`#editor ${EDITORS[name]}`).first().waitFor()
  await tab.page.waitForLoadState('load')
  await counted({ total: 1 })
  return tab
}

/** Clicks behind the text of the second line, until the editor has the keys. */
async function enter({ page }, line) {
  await until('the keys to go to the editor', async () => {
    const { y, height } = await page.locator(`#editor ${line}`).nth(1).boundingBox()
    const { x, width } = await page.locator('#editor').boundingBox()
    await page.mouse.click(x + width / 2, y + height / 2)
    return page.evaluate(() => !!document.activeElement?.closest('#editor'))
  }, Boolean)
  await settled(page)
}

const text = (tab) => tab.page.evaluate(() => window.text())

async function held(what) {
  const command = await server.command('invalidate-route', { route: '/a' })
  await until(`the tab to hold after ${what}`, async () => (await server.invalidation(command.id)).outcomes, ({ held, reloaded }) => held === 1 && reloaded === 0)
  return command
}
