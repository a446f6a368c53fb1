// A transport that is loaded when it is first used.

import type { Connect, Link } from './link.js'

/** What `load` brings. Where it brings nothing, the stream ends as one that does not get through. */
export function later(load: () => Promise<Connect>): Connect {
  return (base, query, events) => {
    let link: Link | undefined
    let isClosed: true | undefined
    load().then((connect) => { if (!isClosed) link = connect(base, query, events) }).catch(() => { if (!isClosed) events.ended(null) })
    return {
      send: (message, connectionId) => { link?.send(message, connectionId) },
      close() {
        isClosed = true
        link?.close()
      },
    }
  }
}
