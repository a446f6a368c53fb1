// Work that a refresh would lose: what holds it, what does not, and what its user is asked.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { needs, newVisitor, Tab } from './browser.mjs'
import { browser, counted, loaded, outcome, server, site } from './stage.mjs'
import { until } from './wait.mjs'

/** What its user does on a page, with which script on it, and the means that not every browser has. */
const WORK = {
  'an editor that types through a hidden area': [
    '<textarea id="area"></textarea><pre id="shown"></pre><script>area.oninput = () => { shown.textContent += area.value; area.value = "" }</script>',
    async (page) => { await page.locator('#area').pressSequentially('text') },
  ],
  'an editor with an EditContext': [
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

/** Scripts that keep what was done to themselves, and take it off the page or write it themselves. */
const KINDS = {
  'keys that an editor takes for itself, before there is any input': [
    '<p id="text" contenteditable>text</p><script>text.onbeforeinput = (event) => { event.preventDefault(); text.append(event.data ?? "") }</script>',
    async (page) => {
      await page.click('#text')
      await page.keyboard.type('x')
    },
  ],
  'a letter taken away by the key alone': [
    '<textarea id="area">text</textarea><script>area.onkeydown = (event) => { if (event.key === "Backspace") { event.preventDefault(); area.dataset.text = "tex" } }</script>',
    async (page) => {
      await page.click('#area')
      await page.keyboard.press('Backspace')
    },
  ],
  'a command of an editor, by a button beside it': [
    '<p id="text" contenteditable>text</p><button id="bold" onmousedown="event.preventDefault()" onclick="document.execCommand(\'bold\')">b</button>',
    async (page) => {
      await page.click('#text')
      await page.keyboard.press('Control+a')
      await page.click('#bold')
    },
  ],
  'a second chip that was begun and taken back': [
    '<input id="tag"><ul id="chips"></ul><script>tag.onkeydown = ({ key }) => { if (key === "Enter") { chips.append(tag.value); tag.value = "" } }</script>',
    async (page) => {
      await page.locator('#tag').pressSequentially('chip')
      await page.keyboard.press('Enter')
      await page.keyboard.type('x')
      await page.keyboard.press('Backspace')
    },
  ],
  'a chip, and its field left': [
    '<input id="tag"><ul id="chips"></ul><script>tag.onkeydown = ({ key }) => { if (key === "Enter") { chips.append(tag.value); tag.value = "" } }</script>',
    async (page) => {
      await page.locator('#tag').pressSequentially('chip')
      await page.keyboard.press('Enter')
      await page.click('h1')
    },
  ],
  'a reset that the page forbids': [
    '<form id="form" onreset="event.preventDefault()"><input id="field"><button id="reset" type="reset">Reset</button></form>',
    async (page) => {
      await page.fill('#field', 'text')
      await page.click('#reset')
    },
  ],
  'the same text again after a reset': [
    '<form id="form"><input id="field"><button id="reset" type="reset">Reset</button></form>',
    async (page) => {
      await page.locator('#field').pressSequentially('text')
      await page.click('#reset')
      await page.locator('#field').pressSequentially('text')
    },
  ],
  'an editor in a form that is reset, which no reset empties': [
    '<form><p id="text" contenteditable>text</p><button id="reset" type="reset">Reset</button></form>',
    async (page) => {
      await page.click('#text')
      await page.keyboard.type('x')
      await page.click('#reset')
    },
  ],
  'an element of the application that says what was chosen': [
    `<x-stars id="stars" tabindex="0">stars</x-stars><script>customElements.define('x-stars', class extends HTMLElement {
      static formAssociated = true
      internals = this.attachInternals()
      constructor() { super(); this.onclick = () => { this.internals.setFormValue('5'); this.dispatchEvent(new Event('change', { bubbles: true })) } }
    })</script>`,
    (page) => page.click('#stars'),
  ],
  'a switch made of a button': [
    '<button id="switch" role="switch" aria-checked="false" onclick="this.ariaChecked = \'true\'">on</button>',
    (page) => page.click('#switch'),
  ],
  'a slider by keys': [
    '<div id="slider" role="slider" tabindex="0" aria-valuenow="5">slider</div>',
    async (page) => {
      await page.focus('#slider')
      await page.keyboard.press('ArrowRight')
    },
  ],
  'a day picked beside a field': [
    '<input id="day"><button id="pick" onclick="day.value = \'2026-01-01\'; day.dispatchEvent(new Event(\'input\', { bubbles: true }))">1</button>',
    async (page) => {
      await page.click('#day')
      await page.click('#pick')
    },
  ],
  'a card dragged to another column': [
    `<ul id="todo"><li id="card" style="user-select:none">card</li></ul><ul id="done" style="height:50px"></ul>
    <script>card.onpointerdown = (event) => { card.setPointerCapture(event.pointerId) }; card.onpointerup = () => { done.append(card) }</script>`,
    (page) => drag(page, '#card', 30, 60),
  ],
  'a card dragged down its column': [
    `<ul id="list"><li id="card" style="user-select:none">one</li><li>two</li></ul>
    <script>card.onpointerdown = (event) => { card.setPointerCapture(event.pointerId) }; card.onpointerup = () => { list.append(card) }</script>`,
    (page) => drag(page, '#card', 0, 30),
  ],
  'a picture dropped on the page': [
    '<div id="source" draggable="true">card</div><div id="zone" style="height:60px" ondragover="event.preventDefault()" ondrop="event.preventDefault()">drop</div>',
    (page) => page.dragAndDrop('#source', '#zone'),
  ],
  'a range by keys': ['<input id="range" type="range">', async (page) => {
    await page.focus('#range')
    await page.keyboard.press('ArrowRight')
  }],
  'a choice by keys': ['<select id="select"><option>a<option>b</select>', async (page) => {
    await page.focus('#select')
    await page.keyboard.press('ArrowDown')
  }],
  'a radio button': ['<input name="size" type="radio" checked><input id="other" name="size" type="radio">', (page) => page.click('#other')],
  'a colour': ['<input id="colour" type="color">', async (page) => {
    await page.click('#colour')
    await page.fill('#colour', '#ff0000')
  }],
  'a date': ['<input id="date" type="date">', async (page) => {
    await page.focus('#date')
    await page.keyboard.type('01022026')
  }],
  'a form whose sending failed': [
    '<form id="form"><input id="field"><button id="send">Send</button></form><script>form.onsubmit = (event) => { event.preventDefault(); fetch("/__skew/nothing", { method: "POST" }) }</script>',
    async (page) => {
      await page.fill('#field', 'text')
      await page.click('#send')
    },
  ],
  'a form in a dialog that was closed': [
    '<dialog id="dialog"><form method="dialog"><input id="field"><button id="ok">OK</button></form></dialog><button id="open" onclick="dialog.showModal()">Open</button>',
    async (page) => {
      await page.click('#open')
      await page.fill('#field', 'text')
      await page.click('#ok')
    },
  ],
  'text in a frame that came later, and was written into': [
    '<button id="add" onclick="frame = document.createElement(\'iframe\'); document.body.append(frame); d = frame.contentDocument; d.open(); d.write(\'<body contenteditable>text</body>\'); d.close()">Add</button>',
    async (page) => {
      await page.click('#add')
      await page.frameLocator('iframe').locator('body').pressSequentially('x')
    },
  ],
  'text in a frame under a shadow root': [
    '<div id="host"></div><script>host.attachShadow({ mode: "open" }).innerHTML = "<iframe srcdoc=\'<textarea></textarea>\'></iframe>"</script>',
    (page) => page.frameLocator('#host iframe').locator('textarea').pressSequentially('text'),
  ],
  'text in a frame that went to another page': [
    '<iframe id="frame" src="/one.html"></iframe>',
    async (page) => {
      await page.frameLocator('#frame').locator('a').click()
      await page.frameLocator('#frame').locator('#field').pressSequentially('text')
    },
  ],
}

async function drag(page, selector, right, down) {
  const { x, y } = await page.locator(selector).boundingBox()
  await page.mouse.move(x + 10, y + 5)
  await page.mouse.down()
  await page.mouse.move(x + 10 + right, y + 5 + down, { steps: 5 })
  await page.mouse.up()
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
  'a field that the application marks as not work': ['<div data-headcount-hold="false"><input id="filter"></div>', (page) => page.fill('#filter', 'shoes')],
  'what a script typed': ['<input id="field"><script>field.value = "x"; document.body.dispatchEvent(new Event("input", { bubbles: true }))</script>', async () => {}],
}

/** More of what is no work. */
const QUIET = {
  'what is free, under a shadow root': ['<div id="host" data-headcount-hold="false"></div><script>host.attachShadow({ mode: "open" }).innerHTML = "<input>"</script>', (page) => page.locator('#host input').fill('shoes')],
  'what is free, in a frame': ['<div data-headcount-hold="false"><iframe id="frame" srcdoc="<input>"></iframe></div>', (page) => page.frameLocator('#frame').locator('input').fill('text')],
  'what a script wrote into a field that nobody was in': ['<input id="field"><button id="go" onclick="field.value = \'x\'; field.dispatchEvent(new Event(\'input\', { bubbles: true }))">Go</button>', (page) => page.click('#go')],
  'a field with its old text again': ['<input id="field" value="old">', async (page) => {
    await page.click('#field')
    await page.keyboard.press('End')
    await page.keyboard.type('er')
    await page.keyboard.press('Backspace')
    await page.keyboard.press('Backspace')
  }],
  'a form that was reset': ['<form><input id="field"><button id="reset" type="reset">Reset</button></form>', async (page) => {
    await page.fill('#field', 'text')
    await page.click('#reset')
  }],
  'a field of a form around other things that was reset': ['<input id="field" form="form"><form id="form"><button id="reset" type="reset">Reset</button></form>', async (page) => {
    await page.fill('#field', 'text')
    await page.click('#reset')
  }],
  'a map that is moved': ['<canvas id="map" width="200" height="200" style="cursor:grab"></canvas>', (page) => drag(page, '#map', 50, 50)],
  'text that is selected with the pointer': ['<p id="text">some text to read</p>', (page) => drag(page, '#text', 60, 0)],
  'the slider of a film': ['<video></video><div id="seek" role="slider" aria-valuenow="1">seek</div>', (page) => page.click('#seek')],
}

describe('holds a refresh', () => {
  for (const [name, [body, act, ...means]] of [...Object.entries(WORK), ...further(KINDS)]) {
    test(name, needs(...means), async () => {
      site.body = body
      site.files = { '/one.html': '<a href="/two.html">two</a>', '/two.html': '<input id="field">' }
      const tab = await open()
      await act(tab.page)
      const { id } = await server.command('invalidate-route', { route: '/a' })
      await outcome(id, { held: 1, reloaded: 0 })
      await tab.loaded(1)
      if (name.startsWith('a hold') || name.startsWith('a dialog')) return
      await tab.page.evaluate(() => window.headcount.saved())
      await loaded([[tab, 2]])
    })
  }
})

describe('does not hold a refresh', () => {
  for (const [name, [body, act, ...means]] of [...Object.entries(LEISURE), ...further(QUIET)]) {
    test(name, needs(...means), async () => {
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

  test('is seen and clicked above a modal dialog under a shadow root', async () => {
    site.attributes = 'data-refresh="prompt"'
    site.body = `<my-dialog id="outer"></my-dialog><script>
      outer.attachShadow({ mode: 'open' }).innerHTML = '<my-inner></my-inner>'
      const inner = outer.shadowRoot.firstChild.attachShadow({ mode: 'open' })
      inner.innerHTML = '<dialog>Choose <input></dialog>'
      inner.firstChild.showModal()
    </script>`
    const tab = await open()
    await server.command('invalidate-route', { route: '/a' })
    await tab.page.getByRole('button', { name: 'Reload', exact: true }).click()
    await loaded([[tab, 2]])
  })

  const covers = {
    'a page in full screen': 'stage.requestFullscreen()',
    'a popover that was opened later': 'sheet.showPopover()',
  }
  for (const [name, cover] of Object.entries(covers)) {
    test(`is seen and clicked above ${name}`, needs('playwright'), async () => {
      site.attributes = 'data-refresh="prompt"'
      site.body = `<div id="stage" style="background:#fff">Stage</div><div id="sheet" popover="manual" style="inset:0;width:100%;height:100%">Sheet</div>
        <button id="cover" onclick="${cover}">Cover</button>`
      const tab = await open()
      await server.command('invalidate-route', { route: '/a' })
      const reload = tab.page.getByRole('button', { name: 'Reload', exact: true })
      await reload.waitFor()
      await tab.page.click('#cover')
      await reload.click()
      await loaded([[tab, 2]])
    })
  }

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

/** Cases that use more of playwright-core than every engine has. */
function further(cases) {
  return Object.entries(cases).map(([name, [body, act]]) => [name, [body, act, 'playwright']])
}

/** A counted tab. */
async function open() {
  const tab = await Tab.open(await newVisitor(browser), `${site.url}/a`)
  await counted({ total: 1 })
  return tab
}
