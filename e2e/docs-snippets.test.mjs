// What the documentation shows besides commands: configurations are read by what they are for, and programs are run. Types of TypeScript,
// and pages in a browser, have separate files.

import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { runInNewContext } from 'node:vm'

import { parseAllDocuments } from 'yaml'

import { Broker } from './broker.mjs'
import { VARIABLES } from './cluster.mjs'
import { Edge } from './edge.mjs'
import { binary, Server } from './harness.mjs'
import { pages, ROOT, snippets, snippetsIn } from './snippets.mjs'
import { until } from './wait.mjs'

const run = promisify(execFile)
const SECRET = 'the-secret-of-these-tests'
const AGENT = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
const PASSWORD = 'a-password-of-at-least-32-characters'

let folder
before(async () => { folder = await mkdtemp(join(tmpdir(), 'headcount-docs-')) })
after(() => rm(folder, { recursive: true }))

test('JSON is JSON', async () => {
  for (const { text, page, line } of await all('json')) {
    assert.doesNotThrow(() => JSON.parse(text), `${page}:${line}`)
  }
})

test('a server starts with the configuration file', async () => {
  const [{ text }] = await snippetsIn('docs/guides/configuration.md', 'toml')
  await writeFile(join(folder, 'session-password'), PASSWORD)
  await writeFile(join(folder, 'headcount.toml'), text.replaceAll('/etc/headcount', folder))
  const server = await Server.run(['serve', '--ephemeral', '--config', join(folder, 'headcount.toml')], { HEADCOUNT_ADMIN_SECRET: SECRET })
  try {
    assert.equal((await (await fetch(`${server.url}/__skew/health`)).json()).version, '2026-11-22.1')
  } finally {
    await server.stop()
  }
})

test('the guide for axum names the version of axum that the library is built with', async () => {
  const [{ text }] = await snippetsIn('docs/guides/axum.md', 'toml')
  const version = (manifest) => /^axum = (?:\{ version = )?"(\d+\.\d+)/m.exec(manifest)?.[1]
  assert.equal(version(text), version(await readFile(`${ROOT}Cargo.toml`, 'utf8')))
})

test('systemd takes the unit, and a server starts with its command and its variables', async (context) => {
  const [{ text }] = await snippetsIn('docs/guides/systemd.md', 'ini')
  const unit = text.replace('/usr/local/bin/headcount', await binary()).replace('/etc/headcount', folder)
  await writeFile(join(folder, 'admin-secret'), SECRET)
  await writeFile(join(folder, 'headcount.service'), unit)
  const verified = await run('systemd-analyze', ['verify', '--man=no', join(folder, 'headcount.service')]).catch((error) => error)
  if (verified.code === 'ENOENT') context.diagnostic('there is no systemd-analyze here, so systemd has not read the unit')
  else assert.equal(`${verified.stdout}${verified.stderr}`.replace(/^.*(?:cgroup|systemd1|bus).*\n/gmi, ''), '')
  const value = (key) => new RegExp(`^${key}=(.*)$`, 'm').exec(unit)[1].replaceAll('%S', folder).replaceAll('%d', folder)
  const [, ...args] = value('ExecStart').split(' ')
  const [name, secret] = value('Environment').split('=')
  const server = await Server.run(args, { [name]: secret }, SECRET)
  try {
    assert.equal((await server.stats()).total, 0)
  } finally {
    await server.stop()
  }
})

for (const [name, configuration] of Object.entries({
  nginx: (rules, port) => `${rules.replace('location', `server { listen 127.0.0.1:${port}; location = / { return 200; } location`)} }`,
  caddy: (rules, port) => `{\n admin off\n auto_https off\n}\n${rules.replace('example.com', `http://localhost:${port}`).replace('reverse_proxy 127.0.0.1:3000', 'respond / 200')}`,
})) {
  test(`the rules of a cluster for ${name} hand requests to three servers in turn`, async () => {
    const [{ text }] = await snippetsIn('docs/guides/cluster.md', name)
    const releases = ['v1', 'v2', 'v3']
    const servers = await Promise.all(releases.map((release) => Server.run(['serve', '--ephemeral', '--release', release], { HEADCOUNT_ADMIN_SECRET: SECRET })))
    const rules = servers.reduce((rules, { url }, index) => rules.replace(`10.0.0.${index + 1}:4477`, new URL(url).host), text)
    const edge = await Edge.start(name, (port) => configuration(rules, port))
    try {
      const answered = new Set()
      for (let asked = 0; asked < 12; asked += 1) answered.add((await (await fetch(`${edge.url}/__skew/health`)).json()).version)
      assert.deepEqual([...answered].sort(), releases)
      await servers.pop().stop()
      for (let asked = 0; asked < 6; asked += 1) assert.equal((await fetch(`${edge.url}/__skew/health`)).status, 200, 'one that is gone takes no request')
    } finally {
      await edge.stop()
      for (const server of servers) await server.stop()
    }
  })
}

describe('YAML', () => {
  test('is YAML', async () => {
    for (const { text, page, line } of await all('yaml')) assert.deepEqual(read(text).errors, [], `${page}:${line}`)
  })

  test('alerts are about metrics that a server has', async () => {
    const [{ text }] = await snippetsIn('docs/runbook/metrics.md', 'yaml')
    const names = read(text).values[0].groups.flatMap(({ rules }) => rules.flatMap(({ expr }) => expr.match(/headcount_\w+(\{[^}]*\})?/g)))
    const broker = await Broker.start()
    const server = await Server.run(['serve', '--ephemeral', '--cluster', broker.url], VARIABLES)
    try {
      const metrics = await (await fetch(`${server.url}/metrics`)).text()
      assert.ok(names.length > 4)
      for (const name of names) assert.ok(metrics.includes(`\n${name} `), name)
    } finally {
      await server.stop()
      await broker.stop()
    }
  })
})

describe('the gate for others', () => {
  let server, visitors, job, template, metric, canary
  before(async () => {
    const blocks = await snippetsIn('docs/guides/gate.md', 'yaml');
    [job, template, metric, canary] = blocks.map(({ text }) => read(text).values[0])
    server = await Server.run(['serve', '--ephemeral', '--release', 'v1'], { HEADCOUNT_ADMIN_SECRET: SECRET })
    visitors = [await Visitor.open(server.url, '/'), await Visitor.open(server.url, '/checkout')]
  })
  after(async () => {
    for (const visitor of visitors ?? []) visitor.close()
    await server?.stop()
  })

  test('the step of GitHub Actions waits, and the binary takes its flags', async () => {
    const { run: wait } = job.jobs.migrate.steps.find((step) => step.run.includes('headcount wait'))
    const command = wait.replace(/^npx .*? headcount wait/, `${await binary()} wait`).replace('${{ github.sha }}', 'v1')
    assert.deepEqual(Object.keys(job.jobs.migrate.env), ['HEADCOUNT_URL', 'HEADCOUNT_ADMIN_SECRET'])
    const { stdout } = await run('bash', ['-ec', command], { env: { PATH: process.env.PATH, HEADCOUNT_URL: server.url, HEADCOUNT_ADMIN_SECRET: SECRET } })
    assert.match(stdout, /^reached: v1 has 100\.0 % of 2 tabs/m)
  })

  test('the condition of Argo Rollouts holds for what a server answers when tabs have moved, and not otherwise', async () => {
    const [{ successCondition, provider: { web } }] = template.spec.metrics
    const filled = (text) => text.replaceAll('{{args.release}}', 'v1').replaceAll('{{args.admin-secret}}', SECRET)
    const { pathname, search } = new URL(filled(web.url))
    const headers = Object.fromEntries(web.headers.map(({ key, value }) => [key, filled(value)]))
    const answer = await (await fetch(server.url + pathname + search, { headers })).json()
    assert.equal(web.jsonPath, '{$}')
    const holds = (change) => Boolean(runInNewContext(filled(successCondition), { nil: null, result: { ...answer, uptimeMs: 60_000, ...change } }))
    assert.deepEqual([answer.total, answer.on, answer.share, answer.current], [2, 2, 1, 'v1'])
    assert.ok(holds({}) && holds({ nodes: { answered: 2, of: 2 } }))
    for (const change of [{ share: 0.9499 }, { total: 0, share: undefined }, { current: 'v2' }, { uptimeMs: 10 }, { nodes: { answered: 1, of: 2 } }]) assert.ok(!holds(change), JSON.stringify(change))
  })

  test('the query of Flagger is about metrics that a server has, and gives the share', async () => {
    const metrics = await (await fetch(`${server.url}/metrics`)).text()
    const value = (name) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(metrics)?.[1])
    const expression = metric.spec.query.replace(/sum\((\w+)\)/g, (_, name) => value(name))
    assert.match(expression, /^[\d */]+$/)
    assert.equal(runInNewContext(expression), 100)
    assert.equal(canary.analysis.metrics[0].templateRef.name, metric.metadata.name)
  })
})

test('the program in Python knows the tabs, welcomes new ones, and decides who sees the counts', async () => {
  const [{ text }] = await snippetsIn('docs/guides/bridge.md', 'python')
  await writeFile(join(folder, 'bridge.py'), text)
  const bridge_secret = 'the-bridge-secret-of-these-tests'
  const server = await Server.run(['serve', '--ephemeral', '--authorize-bridge'], { HEADCOUNT_ADMIN_SECRET: SECRET, HEADCOUNT_BRIDGE_SECRET: bridge_secret })
  const before = await Visitor.open(server.url, '/before')
  const program = spawn('python3', ['-u', join(folder, 'bridge.py')], { env: { ...process.env, HEADCOUNT_URL: server.url, HEADCOUNT_BRIDGE_SECRET: bridge_secret } })
  const said = []
  for (const stream of [program.stdout, program.stderr]) stream.on('data', (piece) => said.push(String(piece)))
  const says = (what) => until(`the program to say ${what}`, () => said.join(''), (text) => text.includes(what))
  const visitors = [before]
  try {
    await says("1 tabs ['/before']")
    const admin = await Visitor.open(server.url, '/checkout', { cookie: 'role=admin' })
    visitors.push(admin)
    await says("2 tabs ['/before', '/checkout']")
    await admin.hears('welcome')
    await admin.asksForStats()
    await admin.hears('"stats"')
    const stranger = await Visitor.open(server.url, '/checkout', { cookie: 'role=guest' })
    visitors.push(stranger)
    await stranger.asksForStats()
    await stranger.hears('stats-unauthorized')
    stranger.close()
    await says("3 tabs ['/before', '/checkout']")
    await until('two tabs again', () => said.join('').trimEnd().split('\n').at(-1), (line) => line === "2 tabs ['/before', '/checkout']")
    assert.ok(!before.heard.includes('welcome'), 'a tab that was there before is not new')
  } finally {
    for (const visitor of visitors) visitor.close()
    program.kill()
    await once(program, 'exit')
    await server.stop()
  }
})

/** A tab over SSE. */
class Visitor {
  heard = ''
  #end = new AbortController()

  static async open(url, route, headers = {}) {
    const visitor = new Visitor()
    visitor.url = url
    visitor.headers = { 'user-agent': AGENT, ...headers }
    const answer = await fetch(`${url}/__skew/sse?v=v1&route=${route}`, { headers: visitor.headers, signal: visitor.#end.signal })
    for (const set of answer.headers.getSetCookie()) visitor.headers.cookie = [visitor.headers.cookie, set.split(';')[0]].filter(Boolean).join('; ')
    void visitor.#listen(answer.body)
    await visitor.hears('"connected"')
    return visitor
  }

  async #listen(body) {
    try {
      for await (const piece of body) this.heard += Buffer.from(piece)
    } catch {
      // Closed by the test.
    }
  }

  hears(what) {
    return until(`a tab to hear ${what}`, () => this.heard, (heard) => heard.includes(what))
  }

  asksForStats() {
    const [, connectionId] = /"connectionId":"([^"]+)"/.exec(this.heard)
    return fetch(`${this.url}/__skew/subscribe-stats`, { method: 'POST', headers: this.headers, body: JSON.stringify({ connectionId }) })
  }

  close() {
    this.#end.abort()
  }
}

async function all(language) {
  const found = (await Promise.all((await pages()).map(snippets))).flat().filter((snippet) => snippet.language === language)
  assert.ok(found.length > 0, language)
  return found
}

function read(text) {
  const documents = parseAllDocuments(text)
  return { errors: documents.flatMap(({ errors }) => errors), values: documents.map((document) => document.toJS()) }
}
