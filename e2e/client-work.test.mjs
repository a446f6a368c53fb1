// Work that a refresh would lose: what holds it, what does not, and what its user is asked.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { needs, newVisitor, Tab } from './browser.mjs'
import { browser, counted, loaded, server, site } from './stage.mjs'
import { until } from './wait.mjs'

/** What its user does on a page, with which script on it, and the means that not every browser has. */
const WORK = {
  'an editor that types through a hidden area': [
    '<textarea id="area"></textarea><pre id="shown"></pre><script>area.oninput = () => { shown.textContent += area.value; area.value = "" }</script>',
    async (page) => { await page.locator('#area').pressSequentially('text') },
  ],
  'an editor with a context of its own': [
    '<div id="code" tabindex="0">code</div><script>code.editContext = new EditContext()</script>',
    async (page) => {
      await page.click('#code')
      await page.keyboard.type('x')
    },
    'editContext',
  ],
  'the second step of a wizard': [
    '<div id="steps"><input id="one"><button id="next" onclick="one.remove()">Next</button></div>',
    async (page) => {
      await page.fill('#one', 'answer')
      await page.click('#next')
    },
  ],
  'chips made of what was typed': [
    '<input id="tag"><ul id="chips"></ul><script>tag.onkeydown = ({ key }) => { if (key === "Enter") { chips.append(tag.value); tag.value = "" } }</script>',
    async (page) => {
      await page.locator('#tag').pressSequentially('chip')
      await page.keyboard.press('Enter')
    },
  ],
  'a drawing': [
    '<canvas id="canvas" width="200" height="200"></canvas>',
    async (page) => {
      const { x, y } = await page.locator('#canvas').boundingBox()
      await page.mouse.move(x + 10, y + 10)
      await page.mouse.down()
      await page.mouse.move(x + 60, y + 60)
      await page.mouse.up()
    },
  ],
  'a file that was chosen, and its field taken away': [
    '<input id="file" type="file" onchange="this.remove()">',
    (page) => page.setInputFiles('#file', { name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('a') }),
  ],
  'a dialog that was opened': [
    '<dialog id="dialog">Choose</dialog><button id="open" onclick="dialog.showModal()">Open</button>',
    (page) => page.click('#open'),
  ],
  'text in a closed shadow root': [
    '<my-field id="host"></my-field><script>host.attachShadow({ mode: "closed", delegatesFocus: true }).innerHTML = "<input>"</script>',
    async (page) => {
      await page.evaluate(() => { document.getElementById('host').focus() })
      await page.keyboard.type('text')
    },
  ],
  'text in a frame of the same origin': [
    '<iframe id="frame" srcdoc="<input>"></iframe>',
    (page) => page.frameLocator('#frame').locator('input').fill('text'),
  ],
  'a hold under a shadow root': [
    '<div id="root"></div><script>root.attachShadow({ mode: "open" }).innerHTML = "<p data-headcount-hold=call></p>"</script>',
    async () => {},
  ],
}

/** What is no work, or not for long. */
const LEISURE = {
  'reading and scrolling': ['<div style="height:3000px">long</div>', async (page) => {
    await page.mouse.wheel(0, 1000)
    await page.keyboard.press('PageDown')
    await page.click('h1')
  }],
  'clicking links inside the page': ['<a id="inside" href="#there">there</a>', (page) => page.click('#inside')],
  'a dialog that was there before': ['<dialog open>Cookies?</dialog>', (page) => page.click('h1')],
  'what the application says is none': ['<div data-headcount-hold="false"><input id="filter"></div>', (page) => page.fill('#filter', 'shoes')],
  'what a script typed': ['<input id="field"><script>field.value = "x"; document.body.dispatchEvent(new Event("input", { bubbles: true }))</script>', async () => {}],
}

describe('holds a refresh', () => {
  for (const [name, [body, act, ...means]] of Object.entries(WORK)) {
    test(name, needs(...means), async () => {
      site.body = body
      const tab = await open()
      await act(tab.page)
      const { id } = await server.command('invalidate-route', { route: '/a' })
      await outcome(id, { held: 1, reloaded: 0 })
      assert.equal(tab.loads, 1)
      if (name.startsWith('a hold') || name.startsWith('a dialog')) return
      await tab.page.evaluate(() => window.headcount.saved())
      await loaded([[tab, 2]])
    })
  }
})

describe('does not hold a refresh', () => {
  for (const [name, [body, act]] of Object.entries(LEISURE)) {
    test(name, async () => {
      site.body = body
      const tab = await open()
      await act(tab.page)
      await server.command('invalidate-route', { route: '/a' })
      await loaded([[tab, 2]])
    })
  }

  test('a form that went with a navigation', async () => {
    site.body = '<div id="view"><input id="field"></div><button id="go" onclick="history.pushState(null, \'\', \'/b\'); view.remove()">Go</button>'
    const tab = await open()
    await tab.page.fill('#field', 'text')
    await tab.page.click('#go')
    await counted({ routes: { '/b': 1 } })
    await server.command('invalidate-route', { route: '/b' })
    await loaded([[tab, 2]])
  })
})

describe('the question', () => {
  test('is seen and clicked under a modal dialog, and goes on when that is closed or gone', async () => {
    site.attributes = 'data-deadline-ms="500"'
    site.body = '<dialog id="dialog" style="overflow:hidden;transform:scale(1)">Choose<button id="shut" onclick="dialog.close()">Shut</button></dialog><button id="open" onclick="dialog.showModal()">Open</button>'
    const tab = await open()
    await tab.page.fill('[name=name]', 'text')
    await tab.page.click('#open')
    const { id } = await server.command('invalidate-route', { route: '/a' })
    await outcome(id, { prompted: 1 })
    const reload = tab.page.getByRole('button', { name: 'Reload', exact: true })
    await reload.click({ trial: true })
    await tab.page.click('#shut')
    await reload.click({ trial: true })
    await tab.page.click('#open')
    await reload.click({ trial: true })
    await tab.page.evaluate(() => { document.getElementById('dialog').remove() })
    await reload.click()
    await loaded([[tab, 2]])
  })

  test('put off is put again later, not at once, and saved work refreshes without it', async () => {
    site.attributes = 'data-deadline-ms="1500"'
    const tab = await open()
    await tab.page.fill('[name=name]', 'text')
    await tab.page.evaluate(() => {
      window.asked = []
      window.headcount.on('prompt', () => { window.asked.push(performance.now()) })
    })
    await server.command('invalidate-route', { route: '/a' })
    const later = tab.page.getByRole('button', { name: 'Later' })
    await later.click()
    assert.equal(await later.count(), 0)
    await until('the second question', () => tab.page.evaluate(() => window.asked.length), (asked) => asked === 2, 15_000)
    const [first, second] = await tab.page.evaluate(() => window.asked)
    assert.ok(second - first >= 4_500, `after ${second - first} ms`)
    await later.click()
    await tab.page.evaluate(() => window.headcount.saved())
    await loaded([[tab, 2]])
  })
})

/** A counted tab. */
async function open() {
  const tab = await Tab.open(await newVisitor(browser), `${site.url}/a`)
  await counted({ total: 1 })
  return tab
}

/** Waits until the rule's outcomes hold exactly what is named. */
function outcome(id, expected, within_ms) {
  return until(`outcomes with ${JSON.stringify(expected)}`, async () => (await server.invalidation(id)).outcomes, (outcomes) =>
    Object.entries(expected).every(([name, value]) => outcomes[name] === value), within_ms)
}
