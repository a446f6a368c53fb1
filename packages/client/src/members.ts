// One page, one client: a second client on a page joins the first.
//
// A page may hold the client more than once: a script tag and a package, two packages, parts of an application that are built
// apart, a module that is loaded again while it is developed. The first to come runs for all of them, in the version and with the options
// that it came with; each of the others gets a hold of it. What one of them asked for ends with that one, the client with the last.
//
// The page keeps the first one under a symbol, so that bundles find it. The number in its name is that of {@link Join} and
// {@link Headcount}; it rises when a later client could not work with an earlier one, and nothing is ever taken away before.

import type { Headcount, HeadcountOptions } from './face.js'

/** Adds a member; `null` from a client that has ended permanently. */
export type Join = (options: HeadcountOptions) => Headcount | null

const KEY = Symbol.for('headcount.1')

/** Joins the client of `page`, or starts one with `start` on a page without a client. */
export function join(page: object, options: HeadcountOptions, start: () => Join): Headcount {
  const known = page as { [KEY]?: Join }
  // One that has just been started has not ended.
  return known[KEY]?.(options) ?? (known[KEY] = start())(options) as Headcount
}

/** Does nothing, for as long as it is asked. */
function idle(): typeof idle {
  return idle
}

/**
 * Adds members to `core`, the client of the server at `base` and of the build `version`. `reporters` are the members that
 * report the route themselves.
 */
export function createMembers(core: Headcount, { base, version }: HeadcountOptions, reporters: Set<unknown>): Join {
  const members = new Set<unknown>()
  let hasWarned: true | undefined

  return (options) => {
    if (core.state === 'closed') return null
    const ends = new Set<() => void>()
    const keep = <Said extends unknown[]>(begin: (...said: Said) => () => void) => (...said: Said): () => void => {
      if (!members.has(ends)) return idle
      const end = begin(...said)
      ends.add(end)
      return () => {
        ends.delete(end)
        end()
      }
    }
    const kept = `${base}, ${version}`
    const wanted = `${options.base ?? base}, ${options.version || version}`
    if (wanted !== kept && !hasWarned) {
      hasWarned = true
      console.warn(`headcount: one client per page: ${kept}, not ${wanted}`)
    }
    members.add(ends)
    if (options.route !== undefined) {
      reporters.add(ends)
      core.navigated(options.route)
    }
    const member = {
      __proto__: core,
      on: keep(core.on),
      subscribe: keep(core.subscribe),
      hold: keep(core.hold),
      close() {
        if (!members.delete(ends)) return
        if (members.size === 0) core.close()
        reporters.delete(ends)
        ends.forEach((end) => { end() })
        Object.setPrototypeOf(member, { __proto__: core, state: 'closed', navigated: idle, reconnect: idle })
      },
    }
    return member as unknown as Headcount
  }
}
