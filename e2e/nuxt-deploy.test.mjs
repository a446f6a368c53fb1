// The module's playground during a deployment: no work is lost, no tab is left on an error page, and none reloads in vain.

import assert from 'node:assert/strict'
import { createServer, request } from 'node:http'
import { connect } from 'node:net'
import { once } from 'node:events'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'

import { launchBrowser, newVisitor, Tab } from './browser.mjs'
import { Server } from './harness.mjs'
import { App, PLAYGROUND, withNextBuild } from './nuxt.mjs'
import { until } from './wait.mjs'

const SECRET = 'the-secret-of-these-tests'
/** Looks come at growing intervals. */
const LOOKED_WITHIN_MS = 30_000

let browser, server
/** @type {App[]} */
let apps = []
/** @type {Balancer} */
let balancer
before(async () => { browser = await launchBrowser() })
after(() => browser?.close())

beforeEach(async () => {
  server = await Server.run(['serve', '--ephemeral', '--authorize-bridge'], { HEADCOUNT_ADMIN_SECRET: SECRET })
  balancer = await Balancer.start()
})
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()))
  await balancer?.stop()
  await Promise.all(apps.splice(0).map((app) => app.stop()))
  await server?.stop()
})

for (const transport of ['websocket', 'sse']) {
  describe(`over ${transport}`, () => {
    test('the page says its build, and a tab waits while an old instance answers', async () => {
      const tab = await open(transport)
      assert.match(await (await fetch(`${balancer.url}/form`)).text(), /<meta name="headcount-version" content="build-1">/)
      const next = await start('build-2', transport)
      await until('the build is announced', releases, ({ current }) => current === 'build-2')
      const outcomes = await invalidated({ audience: 'outdated' })
      await until('the tab to wait', outcomes, ({ waiting }) => waiting === 1)
      await balancer.pages(3)
      assert.equal(tab.loads, 1)
      balancer.app = next
      await until('the new build', () => tab.loads, (loads) => loads === 2, LOOKED_WITHIN_MS)
      await counted('build-2', '/form')
      const { reloaded, stuck } = await outcomes()
      assert.deepEqual([tab.loads, reloaded, stuck], [2, 1, 0])
    })

    for (const status of [502, 503]) {
      test(`while pages are answered with ${status} the tab stays where it is, and goes when they are well`, async () => {
        const tab = await open(transport)
        balancer.status = status
        const outcomes = await invalidated({})
        await until('the tab to wait', outcomes, ({ waiting }) => waiting === 1)
        await balancer.pages(2)
        assert.deepEqual([tab.loads, await tab.page.textContent('h1')], [1, 'Form'])
        balancer.status = 0
        await until('the page anew', () => tab.loads, (loads) => loads === 2, LOOKED_WITHIN_MS)
        await counted('build-1', '/form')
      })
    }

    test('work holds the refresh, and what Nuxt does where the code of a page is gone neither loses it nor goes round', async () => {
      await withNextBuild(PLAYGROUND, async (output) => {
        const tab = await open(transport)
        await tab.page.getByLabel('Draft').fill('half a sentence')
        balancer.app = await start('build-2', transport, output)
        await until('the build is announced', releases, ({ current }) => current === 'build-2')
        const outcomes = await invalidated({})
        await until('the tab to hold', outcomes, ({ held }) => held === 1)
        assert.deepEqual([tab.loads, await tab.page.getByLabel('Draft').inputValue()], [1, 'half a sentence'])
        // Its user leaves: Nuxt finds the code of the other page gone, and loads that page.
        await tab.page.locator('a[href="/guarded"]').click({ noWaitAfter: true })
        await counted('build-2', '/guarded')
        assert.equal(tab.loads, 2)
        await tab.page.locator('a[href="/form"]').click()
        await counted('build-2', '/form')
        assert.equal(tab.loads, 2)
        for (const app of apps.splice(0)) await app.stop()
      })
    })
  })
}

test('a page that answers a form is got, and not posted again', async () => {
  const tab = await open('websocket')
  const [{ id }] = (await server.stats()).connections
  await tab.page.evaluate(() => {
    const form = Object.assign(document.createElement('form'), { method: 'post', action: '/form?order=1' })
    document.body.append(form)
    form.submit()
  })
  await until('the answer to be counted', () => server.stats(), ({ connections }) => connections.length === 1 && connections[0].id !== id)
  const outcomes = await invalidated({})
  await until('the page anew', outcomes, ({ reloaded }) => reloaded === 1, LOOKED_WITHIN_MS)
  assert.equal(tab.loads, 3)
  await counted('build-1', '/form')
  assert.deepEqual([balancer.posts, tab.page.url()], [1, `${balancer.url}/form?order=1`])
})

/** What stands in front of the instances of an app. */
class Balancer {
  /** The instance that answers. @type {App} */
  app
  /** What pages are answered with instead, if not 0. */
  status = 0
  posts = 0
  #asked = 0
  #server = createServer((incoming, outgoing) => { this.#pass(incoming, outgoing) })
  #sockets = new Set()

  static async start() {
    const balancer = new Balancer()
    balancer.#server.on('upgrade', (incoming, socket, head) => { balancer.#upgrade(incoming, socket, head) })
    balancer.#server.on('connection', (socket) => { balancer.#sockets.add(socket.on('error', () => {})) })
    balancer.#server.listen(0, '127.0.0.1')
    await once(balancer.#server, 'listening')
    balancer.url = `http://localhost:${balancer.#server.address().port}`
    return balancer
  }

  /** Waits until so many more pages were asked for. */
  pages(more) {
    const before = this.#asked
    return until('looks at the page', () => this.#asked - before, (asked) => asked >= more, LOOKED_WITHIN_MS)
  }

  async stop() {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #pass(incoming, outgoing) {
    if ((incoming.headers.accept ?? '').includes('text/html')) {
      this.#asked += 1
      if (incoming.method === 'POST') this.posts += 1
      if (this.status) return outgoing.writeHead(this.status, { 'content-type': 'text/html' }).end('<h1>Not now</h1>')
    }
    const passed = request({ host: '127.0.0.1', port: this.app.port, path: incoming.url, method: incoming.method, headers: incoming.headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers)
      answer.pipe(outgoing)
    })
    passed.on('error', () => outgoing.destroy())
    outgoing.on('close', () => passed.destroy())
    incoming.pipe(passed)
  }

  #upgrade({ url, rawHeaders }, socket, head) {
    const passed = connect(Number(this.app.port), '127.0.0.1', () => {
      const lines = rawHeaders.flatMap((name, index) => index % 2 === 0 ? [`${name}: ${rawHeaders[index + 1]}`] : [])
      passed.write([`GET ${url} HTTP/1.1`, ...lines, '', ''].join('\r\n'))
      passed.write(head)
      passed.pipe(socket).pipe(passed)
    })
    passed.on('error', () => socket.destroy())
    passed.on('close', () => socket.destroy())
    socket.on('close', () => passed.destroy())
  }
}

async function start(build, transport, output = PLAYGROUND) {
  const app = await App.start({
    HEADCOUNT_URL: server.url, HEADCOUNT_ADMIN_SECRET: SECRET, NUXT_APP_BUILD_ID: build, NUXT_HEADCOUNT_BUILT_AT: String(Date.now()),
    NUXT_PUBLIC_SKEW_PROTECTION_TRANSPORT: transport,
  }, output)
  apps.push(app)
  return app
}

/** A tab on a page of the first build, counted. */
async function open(transport) {
  balancer.app = await start('build-1', transport)
  const tab = await Tab.open(await newVisitor(browser), `${balancer.url}/form`)
  await counted('build-1', '/form')
  return tab
}

/** Every tab of that audience is to refresh. What it gives asks what became of that. */
async function invalidated({ audience = 'all' }) {
  await server.command('invalidations', { match: { prefix: '/' }, audience })
  return async () => (await admin('invalidations')).invalidations[0].outcomes
}

function counted(version, route) {
  return until(`one tab on ${route} of ${version}`, () => server.stats(), ({ total, versions, routes }) =>
    total === 1 && versions[version] === 1 && routes[route] === 1, LOOKED_WITHIN_MS)
}

const releases = () => admin('releases')

async function admin(what) {
  const answer = await fetch(`${server.url}/api/admin/${what}`, { headers: { authorization: `Bearer ${SECRET}` } })
  return answer.json()
}
