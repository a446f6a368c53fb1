// The runbook names everything that the server can say: log lines, warnings at start, errors, codes of answers, and metrics. And it
// names nothing that the server does not say any more. The sources are read as text.

import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { Server } from './harness.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const CRATES = ['crates/headcount-server/src', 'crates/headcount/src']
/** Shorter beginnings of a message could be those of others. */
const BEGINNING_MIN = 12
/** Messages that are written elsewhere. */
const IS_FILLED_IN = /^(warning: )?…$/
const STRING = /"((?:[^"\\]|\\[\s\S])*)"/g

test('each line of the log is in the runbook, and the runbook has no other', async () => {
  const said = await messages(/\btracing::(?:error|warn|info|debug)!\(/g)
  const warnings = await messages(/\bwarnings\.push\(|output::talk\(&format!\((?=\s*"warning)/g)
  await agree('docs/runbook/log.md', [...said, ...warnings].filter((text) => !IS_FILLED_IN.test(text)))
})

test('each error at the start and of a command is in the runbook, and the runbook has no other', async () => {
  await agree('docs/runbook/errors.md', (await messages(/#\[error\(/g)).filter((text) => !IS_FILLED_IN.test(text)))
})

test('each code of an answer is in the runbook, and the runbook has no other', async () => {
  const codes = (await sources()).flatMap((source) => [...source.matchAll(/(?:Self|Refusal)::new\(\s*StatusCode::\w+,\s*"([a-z-]+)"/g)].map(([, code]) => code))
  assert.ok(codes.length > 10)
  same(await firstCells('docs/runbook/answers.md'), codes)
})

test('each metric of a server is in the runbook, and the runbook has no other', async () => {
  const server = await Server.run(['serve', '--ephemeral'], { HEADCOUNT_ADMIN_SECRET: 'the-secret-of-these-tests' })
  try {
    const text = await (await fetch(`${server.url}/metrics`)).text()
    // A family of counters without a sample, such as that of bots before the first, has only its type.
    const families = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name, type]) => type === 'counter' ? `${name}_total` : name)
    const kinds = [...text.matchAll(/^(\w+\{kind="\w+"\}) /gm)].map(([, kind]) => kind)
    const counted = families.filter((family) => !kinds.some((kind) => kind.startsWith(`${family}{`)))
    same((await firstCells('docs/runbook/metrics.md')).map((cell) => cell.replace(/\{pattern=.*\}/, '')), [...kinds, ...counted])
  } finally {
    await server.stop()
  }
})

/** Each message begins as a row of the page does, and each row as a message does. */
async function agree(page, said) {
  assert.ok(said.length > 10, `${page}: ${said.length} messages were found`)
  const rows = await firstCells(page)
  const begins = (row) => (text) => row.length >= Math.min(BEGINNING_MIN, text.length) && text.startsWith(row.replace(/ ?…$/, ''))
  assert.deepEqual(said.filter((text) => !rows.some((row) => begins(row)(text))), [], `${page} lacks these`)
  assert.deepEqual(rows.filter((row) => !said.some(begins(row))), [], `${page} has these, which the server does not say`)
}

function same(there, wanted) {
  assert.deepEqual([...new Set(there)].sort(), [...new Set(wanted)].sort())
}

/** What stands as code in the first column of the page's tables. */
async function firstCells(page) {
  const text = await readFile(ROOT + page, 'utf8')
  return [...text.matchAll(/^\| (`+) ?(.*?) ?\1 \|/gm)].map(([, , code]) => code.replaceAll('\\|', '|'))
}

/** The sentences in each of these calls, with `…` for what is filled in. @param {RegExp} call what ends before its arguments */
async function messages(call) {
  return (await sources()).flatMap((source) => [...source.matchAll(call)].flatMap(({ index, 0: begin }) => {
    const strings = [...outermost(source.slice(index + begin.length)).matchAll(STRING)].map(([, text]) => text)
    if (begin.startsWith('#')) return strings.slice(0, 1).map(shown)
    // A sentence may be put together from several. Where no text has a space, the message is one word, after the fields.
    const sentences = strings.filter((text) => text.includes(' '))
    return (sentences.length > 0 ? sentences : strings.slice(-1)).map(shown)
  }))
}

/** The text up to the parenthesis that closes the call; those in strings do not count. */
function outermost(text) {
  let depth = 1
  let inString = false
  for (let at = 0; at < text.length; at += 1) {
    if (inString && text[at] === '\\') at += 1
    else if (text[at] === '"') inString = !inString
    else if (!inString) depth += text[at] === '(' ? 1 : text[at] === ')' ? -1 : 0
    if (depth === 0) return text.slice(0, at)
  }
  return text
}

function shown(literal) {
  return literal.replace(/\\\n\s*/g, '').replaceAll('\\n', ' ').replaceAll('\\"', '"').replace(/\{[^{}]*\}/g, '…').replace(/\s+/g, ' ').trim()
}

/** The production code of both crates, without their unit tests. */
async function sources() {
  const found = await Promise.all(CRATES.map(async (crate) => {
    const files = (await readdir(ROOT + crate, { recursive: true })).filter((file) => file.endsWith('.rs') && !/(^|\/)(tests|fuzz)(\/|\.rs)|(^|\/)demo\//.test(file))
    return Promise.all(files.sort().map(async (file) => (await readFile(`${ROOT}${crate}/${file}`, 'utf8')).split('#[cfg(test)]\nmod tests')[0]))
  }))
  return found.flat()
}
