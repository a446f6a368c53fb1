// The app's end of the bridge: kept open, and reopened when it ends. `protocol/BRIDGE.md` describes its messages.

import type { IncomingMessage } from 'node:http'

import { hint, reason, type Admin } from './admin.js'
import { createLineReader } from './lines.js'
import type { BridgeLine } from './roster.js'

/** headcount says something every five seconds. */
const SILENT_MS = 15_000
const RETURN_MS_MIN = 100
const RETURN_MS_MAX = 5_000

/** The options of a bridge, and its listeners. */
export interface BridgeNeeds {
  readonly admin: Admin
  /** What to ask for: some of `open`, `route`, `close`, `authorize`. */
  readonly hooks: readonly string[]
  readonly mode: 'each' | 'one'
  readonly app: string
  /** A new bridge begins. */
  readonly began: () => void
  readonly line: (line: BridgeLine) => void
  /** It cannot be had. Told once until it can. */
  readonly failed: (problem: string) => void
}

/** Opens a bridge and keeps it open until the function that it returns is called. */
export function openBridge({ admin, hooks, mode, app, began, line, failed }: BridgeNeeds): () => void {
  const query = new URLSearchParams({ hooks: hooks.join(','), mode, app })
  let failures = 0
  let isClosed = false
  let end = (): void => {}

  function open(): void {
    let isOver = false
    const asked = admin.open(`/bridge?${query}`, (answer) => {
      if (answer.statusCode === 200) read(answer)
      else void refusal(answer).then(over)
    })
    let silence = setTimeout(silent, SILENT_MS)
    asked.on('error', (error) => { over(error.message) })

    function silent(): void {
      asked.destroy(new Error(`nothing was heard for ${SILENT_MS / 1_000} seconds`))
    }

    function read(answer: IncomingMessage): void {
      const take = createLineReader((said) => {
        const next = said as BridgeLine
        if (next.type === 'hello') {
          failures = 0
          if (next.standby !== true) began()
        }
        line(next)
      })
      answer.setEncoding('utf8')
      answer.on('data', (piece: string) => {
        clearTimeout(silence)
        silence = setTimeout(silent, SILENT_MS)
        try {
          take(piece)
        } catch (error) {
          asked.destroy(error as Error)
        }
      })
      answer.on('error', (error) => { over(error.message) })
      answer.on('close', () => { over('the bridge ended') })
    }

    function over(problem: string): void {
      if (isOver) return
      isOver = true
      clearTimeout(silence)
      asked.destroy()
      if (isClosed) return
      failures += 1
      // A bridge that ended once is nothing: headcount restarts too.
      if (failures === 2) failed(problem)
      const window = Math.min(RETURN_MS_MAX, RETURN_MS_MIN * 2 ** failures)
      const again = setTimeout(open, RETURN_MS_MIN / 2 + Math.random() * window)
      end = () => { clearTimeout(again) }
    }
    end = () => {
      isOver = true
      clearTimeout(silence)
      asked.destroy()
    }
  }

  open()
  return () => {
    isClosed = true
    end()
  }
}

async function refusal(answer: IncomingMessage): Promise<string> {
  answer.setEncoding('utf8')
  let text = ''
  for await (const piece of answer) text += String(piece)
  return `${answer.statusCode}: ${reason(text)}${hint(answer.statusCode ?? 0)}`
}
