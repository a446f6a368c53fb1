// Ten kinds of page, as people use them: what they do there to look around, and what they do to work. The table in
// packages/client/README.md says the same.

import { describe, test } from 'node:test'

import { needs, newVisitor, Tab } from './browser.mjs'
import { browser, counted, loaded, server, site } from './stage.mjs'
import { until } from './wait.mjs'

const LONG = '<p style="height:2000px">A long text to read, with <b id="word">words</b> in it.</p>'
const CANVAS = '<canvas id="chart" width="300" height="100"></canvas><canvas id="map" width="300" height="200" style="cursor:grab"></canvas>'

/** What a page consists of, how it is looked at, and how it is worked with. */
const PAGES = {
  'an article': {
    body: `${LONG}<details id="more"><summary>More</summary>more</details><button id="copy" onclick="navigator.clipboard?.writeText('x')">Copy</button>`,
    async look(page) {
      await page.mouse.wheel(0, 500)
      await page.dblclick('#word')
      await page.keyboard.press('Control+c')
      await page.click('#more summary')
      await page.click('#copy')
      for (const key of ['Space', 'PageDown', 'End', 'Home', 'Tab']) await page.keyboard.press(key)
    },
  },
  'a search page': {
    body: '<form role="search"><input id="q" type="search" oninput="history.replaceState(null, \'\', \'?q=\' + this.value); hits.textContent = this.value"></form><ol id="hits"></ol>',
    async look(page) {
      await page.locator('#q').pressSequentially('shoes')
    },
    isSearch: true,
  },
  'a list of products with filters': {
    body: `<form id="filters"><label><input id="red" type="checkbox" name="colour" value="red">red</label><select id="sort" name="sort"><option>new<option>cheap</select></form>
      <script>filters.onchange = ({ currentTarget }) => { history.replaceState(null, '', '?' + new URLSearchParams(new FormData(currentTarget))) }</script>`,
    async look(page) {
      await page.click('#red')
      await page.selectOption('#sort', 'cheap')
    },
    isSearch: true,
  },
  'a checkout': {
    body: '<form id="pay"><input id="street" autocomplete="street-address"><input type="radio" name="by" value="card"><input type="radio" name="by" value="bill"><button>Pay</button></form>',
    look: (page) => page.focus('#street'),
    work: (page) => page.locator('#street').pressSequentially('High Street 1'),
  },
  'a wizard': {
    body: '<div id="step"><input id="one"></div><button id="next" onclick="step.innerHTML = \'<p>Step 2</p>\'">Next</button>',
    look: (page) => page.focus('#one'),
    async work(page) {
      await page.fill('#one', 'answer')
      await page.click('#next')
    },
  },
  'an editor': {
    body: '<p id="text" contenteditable>text</p>',
    async look(page) {
      await page.click('#text')
      await page.keyboard.press('Control+a')
      await page.keyboard.press('Control+c')
      await page.keyboard.press('ArrowRight')
    },
    async work(page) {
      await page.click('#text')
      await page.keyboard.type('more')
    },
  },
  'a chat': {
    body: '<ol id="said"></ol><textarea id="say"></textarea><script>setInterval(() => { said.append("hello") }, 50); say.onkeydown = (event) => { if (event.key === "Enter") { event.preventDefault(); said.append(say.value); say.value = "" } }</script>',
    async look(page) {
      await page.click('#say')
      await page.mouse.wheel(0, 200)
    },
    async work(page) {
      await page.locator('#say').pressSequentially('half a sentence')
    },
  },
  'a dashboard with a chart and a map': {
    body: `${CANVAS}<button role="tab" aria-selected="true" id="tab">Week</button>`,
    async look(page) {
      await page.hover('#chart')
      await page.click('#chart')
      await page.click('#tab')
      const { x, y } = await page.locator('#map').boundingBox()
      await page.mouse.move(x + 20, y + 20)
      await page.mouse.down()
      await page.mouse.move(x + 90, y + 90, { steps: 5 })
      await page.mouse.up()
      await page.mouse.wheel(0, 100)
    },
  },
  'a page with a film': {
    body: '<video id="film" controls width="300" height="200"></video><div id="seek" role="slider" tabindex="0" aria-valuenow="1">seek</div><button id="mute" aria-pressed="false">Mute</button>',
    async look(page) {
      await page.click('#film')
      await page.click('#seek')
      await page.click('#mute')
      await page.keyboard.press('Space')
    },
  },
  'settings': {
    body: '<label><input id="mail" type="checkbox">Mail</label><button id="dark" role="switch" aria-checked="false" onclick="this.ariaChecked = \'true\'">Dark</button>',
    look: (page) => page.focus('#mail'),
    work: (page) => page.click('#dark'),
  },
}

for (const [name, { body, look, work, isSearch }] of Object.entries(PAGES)) {
  describe(name, needs('playwright'), () => {
    test(isSearch ? 'is refreshed a minute after it was last searched' : 'is refreshed while it is only looked at', async () => {
      const tab = await open(body)
      await look(tab.page)
      const { id } = await server.command('invalidate-route', { route: '/a' })
      if (isSearch) {
        await held(tab, id)
        await tab.page.evaluate(() => {
          const now = performance.now.bind(performance)
          performance.now = () => now() + 60_000
        })
      }
      await loaded([[tab, 2]])
    })

    if (!work) return
    test('is not refreshed while there is work in it, and is once that is saved', async () => {
      const tab = await open(body)
      await work(tab.page)
      const { id } = await server.command('invalidate-route', { route: '/a' })
      await held(tab, id)
      await tab.page.evaluate(() => window.headcount.saved())
      await loaded([[tab, 2]])
    })
  })
}

async function held(tab, id) {
  await until('the tab to hold', async () => (await server.invalidation(id)).outcomes, ({ held, reloaded }) => held === 1 && reloaded === 0)
  await tab.loaded(1)
}

async function open(body) {
  site.body = body
  const tab = await Tab.open(await newVisitor(browser), `${site.url}/a`)
  await counted({ total: 1 })
  return tab
}
