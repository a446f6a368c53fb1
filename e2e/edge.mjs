// nginx and Caddy, as proxies before the app and before headcount.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { inTime, until } from './wait.mjs'

const START_WITHIN_MS = 10_000
/** Between the choice of a free port and its use, an outgoing connection of this machine may take it. */
const PORTS_TRIED = 8

/** What every configuration of nginx here begins with: all in one folder, nothing of this machine's own. @param {string} folder */
const NGINX = (folder) => `daemon off; pid ${folder}/pid; error_log stderr; events {}
http {
  access_log off;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
`
const COMMANDS = {
  nginx: (file, folder) => ['-c', file, '-p', folder],
  caddy: (file) => ['run', '--config', file, '--adapter', 'caddyfile'],
}

/** A proxy that runs. One that is not installed is an error: `cargo xtask test` installs them. */
export class Edge {
  #child
  #folder

  /**
   * @param {'nginx' | 'caddy'} name
   * @param {(port: number) => string} configuration of nginx what belongs into `http`
   */
  static async start(name, configuration) {
    for (let tried = 1; ; tried += 1) {
      try {
        return await Edge.#startOnce(name, configuration)
      } catch (error) {
        if (tried === PORTS_TRIED || !/address already in use/i.test(String(error))) throw error
      }
    }
  }

  static async #startOnce(name, configuration) {
    const edge = new Edge()
    edge.#folder = await mkdtemp(join(tmpdir(), 'headcount-edge-'))
    const port = await freePort()
    const file = join(edge.#folder, 'configuration')
    await writeFile(file, name === 'nginx' ? `${NGINX(edge.#folder)}${configuration(port)}\n}` : configuration(port))
    const said = []
    edge.#child = spawn(name, COMMANDS[name](file, edge.#folder), { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, HOME: edge.#folder } })
    edge.#child.on('error', (error) => said.push(`${error}: cargo xtask test installs ${name}`))
    edge.#child.stderr.on('data', (piece) => said.push(String(piece)))
    edge.port = port
    edge.url = `http://localhost:${port}`
    const answer = () => fetch(edge.url).then(({ status }) => status, () => said.join(''))
    try {
      const known = await until(`${name} to answer or to end`, answer, (status) => status === 200 || edge.#child.exitCode !== null, START_WITHIN_MS)
      if (known !== 200 && await answer() !== 200) throw new Error(`${name} has ended: ${said.join('')}`)
    } catch (error) {
      await edge.stop()
      throw error
    }
    return edge
  }

  async stop() {
    if (this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.kill()) await inTime('the edge to end', once(this.#child, 'exit'))
    await rm(this.#folder, { recursive: true })
  }
}

/**
 * For programs that take no port 0, or do not say which one they took. The port must be free on every address, as Caddy listens on all: one
 * that is free on 127.0.0.1 alone may be in use on another address of loopback. Another process can still take it first; then another port is
 * tried.
 */
export async function freePort() {
  const holder = createServer().listen(0)
  await once(holder, 'listening')
  const { port } = holder.address()
  holder.close()
  await once(holder, 'close')
  return port
}
