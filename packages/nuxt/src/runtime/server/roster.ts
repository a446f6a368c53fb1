// Which connections the hooks know as open.
//
// After a lost bridge the new one begins with every open connection. The hooks get only the differences: a tab that
// stayed connected is not opened twice, one that left is closed.

import type { BridgeLine as AnyLine } from '../openapi.js'

/** Every field of every line. */
type Fields<Line> = Line extends unknown ? keyof Line : never
/** The type of a field in the lines that have it. */
type Field<Line, Name> = Line extends unknown ? Name extends keyof Line ? Line[Name] : never : never

/** A line of the bridge; see BRIDGE.md. Its fields are the server's, and a newer server may send another `type`. */
export type BridgeLine = Readonly<{ type: string } & { [Name in Exclude<Fields<AnyLine>, 'type'>]?: Field<AnyLine, Name> }>

/** What the hooks are to hear. */
export type Happening =
  | { readonly type: 'open'; readonly id: string; readonly version: string; readonly route: string | undefined; readonly ip: string | undefined; readonly replayed: boolean }
  | { readonly type: 'route-update'; readonly id: string; readonly route: string }
  | { readonly type: 'close'; readonly id: string }

/** The open tabs, as the hooks know them. */
export interface Roster {
  /** A bridge begins: a tab that it does not report again is gone. */
  begin(): void
  /** The events of a bridge end: every known tab counts as closed. */
  forget(): Happening[]
  /** The events that a line of the bridge causes for the hooks. */
  read(line: BridgeLine): Happening[]
}

interface Known {
  route: string | undefined
  /** The beginning in which it was last reported. */
  beginning: number
}

/** A roster without tabs. */
export function createRoster(): Roster {
  const known = new Map<string, Known>()
  let beginning = 0

  function opened(id: string, line: BridgeLine): Happening[] {
    const before = known.get(id)
    known.set(id, { route: line.route, beginning })
    if (before === undefined) {
      return [{ type: 'open', id, version: line.version ?? '', route: line.route, ip: line.ip, replayed: line.replay === true }]
    }
    return line.route !== undefined && line.route !== before.route ? [{ type: 'route-update', id, route: line.route }] : []
  }

  function ready(): Happening[] {
    const gone = [...known].filter(([, { beginning: last }]) => last !== beginning).map(([id]) => id)
    for (const id of gone) known.delete(id)
    return gone.map((id) => ({ type: 'close', id }))
  }

  return {
    begin() { beginning += 1 },
    forget() {
      beginning += 1
      return ready()
    },
    read(line) {
      const { type, id, route } = line
      if (type === 'ready') return ready()
      if (id === undefined) return []
      const before = known.get(id)
      if (type === 'open') return opened(id, line)
      if (type === 'close' && known.delete(id)) return [{ type, id }]
      if (type === 'route-update' && before !== undefined && route !== undefined) {
        before.route = route
        return [{ type, id, route }]
      }
      return []
    },
  }
}
