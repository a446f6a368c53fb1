// The link between a browser and a proxy, which can die: then nothing passes, and neither end is told.
//
// What they send while the link is dead is taken, as it is by a system that waits for a confirmation, and arrives when the link works
// again. That holds for the ends of connections, too, and for new connections.

import { once } from 'node:events'
import { connect, createServer } from 'node:net'

export class Relay {
  #server = createServer({ allowHalfOpen: true, pauseOnConnect: true })
  #target
  #sockets = new Set()
  #isDead = false
  /** What has to wait until the link is well. */
  #later = []

  /** @param {number} target port of this machine */
  static async start(target) {
    const relay = new Relay()
    relay.#target = target
    relay.#server.on('connection', (near) => relay.#whenWell(() => relay.#join(near)))
    await once(relay.#server.listen(0, '127.0.0.1'), 'listening')
    relay.port = relay.#server.address().port
    return relay
  }

  die() {
    this.#isDead = true
    for (const socket of this.#sockets) socket.pause()
  }

  heal() {
    this.#isDead = false
    for (const act of this.#later.splice(0)) act()
    for (const socket of this.#sockets) socket.resume()
  }

  async stop() {
    this.heal()
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #whenWell(act) {
    if (this.#isDead) this.#later.push(act)
    else act()
  }

  #join(near) {
    const far = connect({ host: '127.0.0.1', port: this.#target, allowHalfOpen: true })
    for (const [from, to] of [[near, far], [far, near]]) {
      this.#sockets.add(from)
      from.on('data', (piece) => { if (!to.write(piece)) from.pause() })
      from.on('drain', () => this.#isDead || to.resume())
      from.on('end', () => to.end())
      from.on('error', () => {})
      from.on('close', () => {
        this.#sockets.delete(from)
        this.#whenWell(() => to.destroy())
      })
    }
    near.resume()
  }
}
