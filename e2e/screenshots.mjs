// Pictures of the board for the documents: `npm run screenshots`, from anywhere in the repository, writes them into docs/.
//
// What they show is real: the real binary, and a crowd that moves from release to release while the board is open. The
// crowd takes its time, because a chart of it needs some.

import { mkdir } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import { launchBrowser, newVisitor } from './browser.mjs'
import { Crowd } from './crowd.mjs'
import { Server } from './harness.mjs'
import { Site } from './site.mjs'
import { until } from './wait.mjs'

const SECRET = 'the-secret-of-these-pictures'
const DOCS = fileURLToPath(new URL('../docs/', import.meta.url))
const RELEASES = ['2026.11.1', '2026.11.2', '2026.11.3', '2026.11.4']
const WIDE = { viewport: { width: 1360, height: 960 }, deviceScaleFactor: 1.5 }
const NARROW = { viewport: { width: 360, height: 780 }, deviceScaleFactor: 2 }
const STEP_MS = 250
/** Half of it bright, half of it dark. */
const BANNER_PAGE = `<style>
  body { margin: 0; font: 16px system-ui; background: linear-gradient(to right, #fff 50%, #111 50%) } body > :not(main, headcount-banner) { display: none }
  main { padding: 1em } textarea { width: 100%; height: 4em; box-sizing: border-box; font: inherit }
</style><main><textarea></textarea></main>`

const browser = await launchBrowser()
await mkdir(DOCS, { recursive: true })
try {
  await rollout()
  await fifteenThousand()
  await banner()
} finally {
  await browser.close()
}

/** A shop with some hundred visitors, in the middle of its third rollout. */
async function rollout() {
  await withServer({ tabs: 640, routes: 60 }, async ({ server, crowd }) => {
    const boards = await Promise.all([
      board(server, 'board-light', { ...WIDE, colorScheme: 'light' }),
      board(server, 'board-dark', { ...WIDE, colorScheme: 'dark' }),
      board(server, 'board-narrow', { ...NARROW, colorScheme: 'light' }),
    ])
    const [, second, third, fourth] = RELEASES
    await deploy(server, crowd, second, { steps: 60, each: 10 })
    await deploy(server, crowd, third, { steps: 60, each: 10 })
    const { id } = await server.command('invalidations', { match: { segment: '/checkout' } })
    await crowd.move(9, third, { from: '/checkout', because: id })
    await deploy(server, crowd, fourth, { steps: 48, each: 9 })
    const rule = await server.command('invalidations', { match: { segment: '/checkout' } })
    await crowd.move(26, fourth, { from: '/checkout', because: rule.id })
    const [light, dark, narrow] = boards
    await dark.page.getByLabel('By build').check()
    for (const { page } of [light, dark]) {
      await page.getByLabel('Path or pattern').fill('/products')
      await page.getByRole('button', { name: /^Refresh [\d,]+ tabs$/ }).waitFor()
    }
    await settled(server, boards)
    for (const one of [light, dark, narrow]) await one.take()
  })
}

/** As many tabs as one process can be to another, on 5,000 pages, and a rollout that has just begun. */
async function fifteenThousand() {
  await withServer({ tabs: 15_000, routes: 5_000 }, async ({ server, crowd }) => {
    const crowded = await board(server, 'board-15000-tabs', { ...WIDE, colorScheme: 'light' })
    await deploy(server, crowd, RELEASES[1], { steps: 100, each: 90 })
    await settled(server, [crowded])
    await crowded.take()
  })
}

/** What a visitor is asked whose work holds a refresh for too long, on a bright page and on a dark one. */
async function banner() {
  const server = await Server.run(['serve', '--ephemeral', '--release', 'v2'], { HEADCOUNT_ADMIN_SECRET: SECRET })
  const site = await Site.start(server.url)
  try {
    site.attributes = 'data-deadline-ms="0"'
    site.body = BANNER_PAGE
    const context = await newVisitor(browser)
    const page = await context.newPage()
    await page.setViewportSize({ width: 640, height: 200 })
    await page.goto(`${site.url}/a`)
    await until('the page to be counted', () => server.stats(), ({ total }) => total === 1)
    await page.locator('main textarea').fill('Dear Ms Smith, thank you for')
    await server.command('invalidate-route', { route: '/a' })
    await page.getByRole('button', { name: 'Later' }).waitFor()
    await page.evaluate(() => { document.activeElement?.blur() })
    await page.screenshot({ path: `${DOCS}banner.png` })
    console.log('docs/banner.png')
  } finally {
    await site.stop()
    await server.stop()
  }
}

async function withServer({ tabs, routes }, work) {
  const server = await Server.run(['serve', '--ephemeral', '--release', RELEASES[0]], { HEADCOUNT_ADMIN_SECRET: SECRET })
  const crowd = new Crowd(server.url, { routes })
  try {
    await crowd.join(tabs, RELEASES[0])
    await work({ server, crowd })
  } finally {
    crowd.leave()
    await server.stop()
  }
}

/** Announces `version`, and lets visitors move to it bit by bit. */
async function deploy(server, crowd, version, { steps, each }) {
  await server.command('releases', { version })
  for (let step = 0; step < steps; step += 1) {
    await crowd.move(each, version)
    await pause(STEP_MS)
  }
}

async function board(server, name, options) {
  const major = browser.version().split('.')[0]
  const context = await browser.newContext({ userAgent: `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${major}.0.0.0 Safari/537.36`, ...options })
  const page = await context.newPage()
  await page.goto(`${server.url}/headcount/`)
  await page.getByLabel('Admin secret').fill(SECRET)
  await page.keyboard.press('Enter')
  await page.getByText('Live', { exact: true }).waitFor()
  return {
    page,
    async take() {
      await page.evaluate(() => { document.activeElement?.blur() })
      await page.screenshot({ path: `${DOCS}${name}.png`, fullPage: true })
      console.log(`docs/${name}.png`)
    },
  }
}

/** Until each board shows as many tabs as there are, and what it asks for at a calmer pace has followed. */
async function settled(server, boards) {
  const { total } = await server.stats()
  for (const { page } of boards) {
    await until(`${total} on the board`, () => page.locator('.figures dd').first().innerText(), (said) => Number(said.replaceAll(',', '')) === total)
  }
  await pause(3_000)
}
