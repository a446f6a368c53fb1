// What an app may answer in the place of a page: no refresh leads a tab to where it would stay without a client, and none is held up by what is harmless.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { afterEach, describe, test } from 'node:test'

import { needs, newVisitor, Tab, watch } from './browser.mjs'
import { freePort } from './edge.mjs'
import { browser, counted, loaded, looks, outcome, seen, server, site } from './stage.mjs'
import { until } from './wait.mjs'

/** Looks come at growing intervals. */
const LOOKED_WITHIN_MS = 60_000
const HTML = { 'content-type': 'text/html; charset=utf-8' }
/** The client in a bundle that names no build. */
const BUNDLED = `<script type="module">
  import { createHeadcount } from '/dist/index.js'
  window.headcount = createHeadcount({ version: 'v1' })
</script>`

/** @type {import('node:http').Server | undefined} */
let other
afterEach(() => {
  other?.closeAllConnections()
  other?.close()
  other = undefined
})

const answers = (status, headers, text) => (_, response) => response.writeHead(status, headers).end(text)
const sends = (text) => answers(200, HTML, `<!doctype html>${text}`)

/** What keeps a tab where it is until the page is back, and what its page has. */
const STAYS = {
  'a page that signs in, without the client': sends('<script src="/own.js"></script><form><input type="password"></form>'),
  'a way to such a page': ({ url }, response) => url === '/sign-in' ? sends('<script src="/own.js"></script>')(null, response) : answers(302, { location: '/sign-in' })(null, response),
  'a notice of maintenance, for a page that names no build': [sends('<h1>Back soon</h1>'), BUNDLED],
  'redirects without end': answers(302, { location: '/a' }),
  'redirects without end between two pages': ({ url }, response) => answers(303, { location: url === '/a' ? '/b' : '/a' })(null, response),
  'a way to another origin that is not there': async (_, response) => answers(302, { location: `http://127.0.0.1:${await freePort()}/` })(null, response),
  'no content': answers(204, {}),
  'a file to be saved': answers(200, { ...HTML, 'content-disposition': 'attachment; filename="a.html"' }, '<script src="/__skew/client.js"></script>'),
  'what is no page': answers(200, { 'content-type': 'application/json' }, '"<script src=/__skew/client.js></script>"'),
  'nothing at all': answers(200, HTML, ''),
  'a part of the page': (_, response) => {
    response.writeHead(200, { ...HTML, 'content-length': 100_000 }).write(site.page('/a'), () => response.destroy())
  },
  'a part of the page, without its length': (_, response) => {
    response.writeHead(200, HTML).write(site.page('/a'), () => response.destroy())
  },
  'a page with more bytes than any has': (_, response) => {
    const piece = Buffer.alloc(1 << 20, 'x')
    const more = () => { while (!response.destroyed && response.write(piece)); }
    response.on('drain', more).writeHead(200, HTML).write(site.page('/a'), more)
  },
  'a page that does not end': (_, response) => response.writeHead(200, HTML).write(site.page('/a')),
  'no answer': () => {},
}

describe('a tab stays, waits, and goes when the page is back, where the app answers with', needs('patience'), () => {
  for (const [name, stays] of Object.entries(STAYS)) {
    test(name, async () => {
      const [instead, script] = [stays].flat()
      site.script = script
      const tab = await open('/a?step=2#pay', givesUpSoon)
      const downloads = []
      tab.page.on('download', (download) => downloads.push(download))
      site.instead = instead
      const { id } = await server.command('invalidate-route', { route: '/a' })
      await outcome(id, { waiting: 1, reloaded: 0 }, LOOKED_WITHIN_MS)
      await looks(1, LOOKED_WITHIN_MS)
      await tab.loaded(1)
      assert.equal(await tab.page.evaluate(() => window.headcount.state), 'open')
      site.instead = undefined
      site.script = script?.replace('v1', 'v2')
      await loaded([[tab, 2]], LOOKED_WITHIN_MS)
      assert.equal(await tab.page.url(), `${site.url}/a?step=2#pay`)
      await outcome(id, { waiting: 0, reloaded: 1 })
      assert.deepEqual([downloads, tab.errors], [[], []])
    })
  }
})

describe('a tab goes at once, and once, where the app answers with', () => {
  for (const status of [302, 303, 307, 308]) {
    test(`a way (${status}) to another page with the client`, async () => {
      const tab = await open('/a#pay')
      site.instead = ({ url }, response) => url === '/b' ? sends(site.page('/b'))(null, response) : answers(status, { location: '/b' })(null, response)
      const { id } = await server.command('invalidate-route', { route: '/a' })
      await loaded([[tab, 2]])
      await counted({ total: 1, routes: { '/b': 1 } })
      await outcome(id, { reloaded: 1, gone: 0 })
      await tab.loaded(2)
    })
  }

  test('a way to another origin that signs in, from where its user comes back', async () => {
    const page = sends(`${watch?.tag ?? ''}<h1>Who are you?</h1><a href="${site.url}/a">me</a>`)
    other = createServer((request, response) => {
      const script = watch?.answer(request.url, request.headers.cookie)
      return script === undefined ? page(request, response) : response.end(script)
    }).listen(0, '127.0.0.1')
    await once(other, 'listening')
    const url = `http://127.0.0.1:${other.address().port}/`
    const tab = await open('/a')
    site.instead = answers(302, { location: url })
    await server.command('invalidate-route', { route: '/a' })
    await until('the page that signs in', () => tab.page.url(), (now) => now === url)
    site.instead = undefined
    await tab.page.click('a')
    await counted({ total: 1, routes: { '/a': 1 } })
    await tab.loaded(3)
  })

  test('what a cache was told never to ask for again', async () => {
    site.script = BUNDLED
    const cached = (request, response) => {
      const { pathname } = new URL(request.url, site.url)
      response.writeHead(200, { ...HTML, 'cache-control': 'public, max-age=31536000, immutable' }).end(site.page(pathname))
    }
    site.instead = cached
    const tab = await open('/a')
    site.script = BUNDLED.replace('v1', 'v2')
    const { id } = await server.command('invalidate-route', { route: '/a' })
    await loaded([[tab, 2]])
    await counted({ versions: { v2: 1 } })
    await outcome(id, { reloaded: 1 })
  })

  test('nothing but what GET asks for', async () => {
    site.instead = (request, response) => request.method === 'GET' ? sends(site.page('/a'))(null, response) : answers(500, HTML)(null, response)
    await goes()
  })

  test('a page whose addresses begin elsewhere', async () => {
    site.body = '<base href="/elsewhere/">'
    await goes()
  })

  test('a long page whose tag is its last', async () => {
    const [script, rest] = ['<script type="module" src="/__skew/client.js" data-version="v2"></script>', `<!--${'x'.repeat(3_000_000)}-->`]
    site.script = ''
    site.body = `${rest}${script}`
    await goes()
  })

  test('a page into which a script puts the tag', async () => {
    site.script = `<script>
      document.head.append(Object.assign(document.createElement('script'), { type: 'module', src: '/__skew/client.js' }))
    </script>`
    await goes()
  })

  test('a page with frames of every kind', async () => {
    site.body = `<iframe srcdoc="<input>"></iframe><iframe src="about:blank"></iframe><iframe src="data:text/html,<input>"></iframe><iframe id="blob"></iframe>
      <script>document.querySelector('#blob').src = URL.createObjectURL(new Blob(['<input>'], { type: 'text/html' }))</script>`
    await goes()
  })

  async function goes() {
    const tab = await open('/a')
    const { id } = await server.command('invalidations', { match: { exact: '/a' }, audience: 'all' })
    await loaded([[tab, 2]], LOOKED_WITHIN_MS)
    await outcome(id, { reloaded: 1, gone: 0 })
    await counted({ total: 1 })
    await tab.loaded(2)
    assert.deepEqual(tab.errors, [])
  }
})

test('what a policy forbids elsewhere, or would forbid, is not taken for the look', async () => {
  site.policy = `img-src 'none'`
  const tab = await open('/a')
  await tab.page.evaluate(() => setInterval(() => { new Image().src = 'http://127.0.0.1:9/' }, 50))
  site.instead = (_, response) => response.destroy()
  const { id } = await server.command('invalidate-route', { route: '/a' })
  await outcome(id, { waiting: 1 })
  await looks(2, LOOKED_WITHIN_MS)
  await tab.loaded(1)
})

test('a page that may connect to nothing is shown as ever', async () => {
  site.policy = `connect-src 'none'`
  const tab = await Tab.open(await newVisitor(browser), `${site.url}/a`)
  await seen(tab, 'the client', () => window.headcount.state !== 'open')
  await tab.loaded(1)
  assert.deepEqual([tab.errors, await tab.page.textContent('h1')], [[], 'v2'])
  await counted({ total: 0 })
})

/** A look at what gets no end takes fifteen seconds, and here three. Runs in the page. */
function givesUpSoon() {
  const { timeout } = AbortSignal
  AbortSignal.timeout = (ms) => timeout.call(AbortSignal, ms / 5)
}

/** A counted tab. @param {string} path @param {() => void} prepare runs in each of its pages, before their scripts */
async function open(path, prepare = () => {}) {
  const tab = new Tab(await (await newVisitor(browser)).newPage())
  await tab.page.addInitScript(prepare)
  await tab.page.goto(`${site.url}${path}`)
  await counted({ total: 1 })
  return tab
}
