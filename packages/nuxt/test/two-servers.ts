// A site with its gate, and a substitute for headcount behind it: two real servers.

import { once } from 'node:events'
import { createServer, request, type IncomingMessage, type Server } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { afterEach, beforeEach } from 'vitest'

import { attach, shut, type Gate } from '../src/runtime/server/gate.js'

export interface TwoServers {
  behind: Server
  site: Server
  gate: { -readonly [Key in keyof Gate]: Gate[Key] }
  /** What reached headcount, `METHOD url`, in order. */
  reached: string[]
  /** What reached the site's own pages. */
  pages: string[]
}

export const portOf = (server: Server): number => (server.address() as AddressInfo).port

async function listen(server: Server): Promise<Server> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

/** New ones for each test. */
export function twoServers(): TwoServers {
  const now = {} as TwoServers
  beforeEach(async () => {
    Object.assign(now, { reached: [], pages: [] })
    now.behind = await listen(createServer(({ method, url }) => { now.reached.push(`${method} ${url}`) }))
    now.behind.on('upgrade', ({ method, url }) => { now.reached.push(`${method} ${url}`) })
    now.site = await listen(createServer((asked, answer) => {
      let body = ''
      asked.setEncoding('utf8').on('data', (piece: string) => { body += piece }).on('end', () => {
        now.pages.push(`${asked.method} ${asked.url} ${body}`)
        answer.end(`the site: ${body}`)
      })
    }))
    now.gate = { base: '/__skew', upstream: new URL(`http://127.0.0.1:${portOf(now.behind)}`), tellsAddress: false }
    attach(now.site, now.gate, true)
  })
  afterEach(() => {
    shut()
    for (const server of [now.behind, now.site]) {
      server.closeAllConnections()
      server.close()
    }
  })
  return now
}

export async function ask(site: Server, path: string, headers: Record<string, string | string[]> = {}, body?: string) {
  const asked = request({ port: portOf(site), host: '127.0.0.1', path, headers, method: body === undefined ? 'GET' : 'POST', agent: false })
  asked.end(body)
  const [answer] = await once(asked, 'response') as [IncomingMessage]
  let text = ''
  for await (const piece of answer) text += String(piece)
  return { answer, text }
}

/** Sends text as it is, and gives what comes until the other side ends. */
export async function exchange(site: Server, text: string): Promise<string> {
  const socket = connect(portOf(site), '127.0.0.1')
  socket.write(Buffer.from(text, 'latin1'))
  let said = ''
  for await (const piece of socket) said += String(piece)
  return said
}

/** Takes handshakes as a server of WebSockets does. */
export function takeHandshakes(behind: Server, taken: (asked: IncomingMessage, socket: Socket, head: Buffer) => void): void {
  behind.on('upgrade', (asked: IncomingMessage, socket: Socket, head: Buffer) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: yes\r\n\r\n')
    taken(asked, socket, head)
  })
}
