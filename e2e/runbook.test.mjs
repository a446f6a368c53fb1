// The runbook names everything that the server and the command line can say: log lines, errors, problems of the configuration, codes
// and messages of answers, and metrics. And it names nothing that they do not say any more. The sources are read as text.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { Broker } from './broker.mjs'
import { VARIABLES } from './cluster.mjs'
import { binary, Server } from './harness.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const CRATES = ['crates/headcount-core/src', 'crates/headcount-nats/src', 'crates/headcount-server/src', 'crates/headcount-shard/src', 'crates/headcount/src']
const PROGRAM = /^headcount(-nats|-server|-shard)?\//
/** Shorter beginnings of a message could be those of others. */
const BEGINNING_MIN = 12
/** Messages that are written elsewhere, with what stands around them. */
const IS_FILLED_IN = /^(warning: |error: |--listen: |line )?[….:;,() `]*$/
const STRING = /"((?:[^"\\]|\\[\s\S])*)"/g

/** Files in which each text with a space is a message, or is in `OTHER_TEXTS`. */
const PROBLEMS = [
  /^headcount\/(client|date)\.rs$/, /^headcount\/config\/(?!mod|tests)/, /^headcount\/commands\/(mod|invalidate|invalidations|connections|release|stats)\.rs$/,
  /^headcount-server\/(config|origin|secrets|bots\/lists|cluster\/options)\.rs$/, /^headcount-nats\/options\.rs$/, /^headcount-core\/limits\/contradictions\.rs$/,
]
/** What those files hold besides, by its beginning: results, headings, and parts of messages. */
const OTHER_TEXTS = [
  'Bearer ', '…-…-… …:… UTC', '….… s', '… s', '….… %', 'one shape for every row', '; did you mean', 'did you mean', '`headcount serve --help` lists',
  'in …', 'by …', 'text in quotes', 'true or false', 'a whole number', 'a list of', 'a fraction', 'a table', 'a date', 'the session password: set', 'a URL to ask',
  'an endpoint for operators', 'and … more', 'a peer is found gone', 'an SSE peer is found gone',
  'and more; --all', '…and … more with', '… open, … visible', 'to refresh', 'to offer a refresh', 'would tell', 'told …', 'tells …', 'the rule stands', 'invalidation …',
  'invalidations …', 'SINCE RELEASE', 'STANDS UNTIL', '… alone', 'begins with …', '… and below', 'glob …', 'regex …', '… on …', 'all tabs', '… is the current release',
  ', over …', '; their tabs are told', 'their tabs are told', 'it stands there until they know', ' until …', 'until …', ' that match', 'that match', ' or ', 'more tab', '… …',
  'pause it with', '100 %', ', running', ', paused', ', stopped', ', aborted',
]
/** A text for the log, which has its own page. */
const IS_LOGGED = /can be guessed: make one/
/** What the parser of arguments says, and what makes it say that. */
const PARSER = {
  'unexpected argument': ['stats', '--colour'],
  'unrecognized subcommand': ['dance'],
  'a value is required for': ['stats', '--top'],
  'the following required arguments were not provided': ['invalidate'],
  'the argument … cannot be used with': ['invalidate', '/a', '--glob', '--regex'],
  'unexpected value': ['stats', '--json=1'],
  'invalid value': ['stats', '--top', 'x'],
}

test('each line of the log is in the runbook, and the runbook has no other', async () => {
  const said = await messages(/\btracing::(?:error|warn|info|debug)!\(/g)
  const beside = await messages(/\bwarnings\.push\(|\boutput::(?:warning|notice)\(/g)
  await agree('docs/runbook/log.md', [...said, ...beside])
})

test('each error at the start and of a command is in the runbook, and the runbook has no other', async () => {
  const errors = await messages(/#\[error\(/g)
  const usage = await messages(/\bErr\(|Failure::Usage\(/g, /^headcount\/(arguments(\/\w+)?|demo\/mod)\.rs$/)
  const problems = (await sources((path) => PROBLEMS.some((of) => of.test(path)))).flatMap(texts)
  const isOther = (text) => IS_LOGGED.test(text) || OTHER_TEXTS.some((other) => text === other.trim() || (other.length > 5 && text.startsWith(other)))
  await agree('docs/runbook/errors.md', [...errors, ...usage, ...problems.filter((text) => !isOther(text)), ...Object.keys(PARSER)])
})

test('the parser of arguments says what the runbook has', async () => {
  for (const [said, words] of Object.entries(PARSER)) {
    const { code, stderr } = await ended(await binary(), words)
    const line = stderr.split('\n')[0].replace(/'[^']*'/, '…')
    assert.ok(code === 2 && line.startsWith(`error: ${said}`), `${words.join(' ')}: ${code} ${stderr}`)
  }
})

test('each code of an answer is in the runbook, and the runbook has no other', async () => {
  const codes = (await sources()).flatMap((source) => [...source.matchAll(/(?:Self|Refusal)::new\(\s*StatusCode::\w+,\s*"([a-z-]+)"/g)].map(([, code]) => code))
  assert.ok(codes.length > 10)
  same(await firstCells('docs/runbook/answers.md', 'Codes'), codes)
})

test('each message of an answer is in the runbook, and the runbook has no other', async () => {
  const own = await within(/^headcount-server\/error\/refusal\.rs$/, /^impl Refusal \{$/m, /^impl IntoResponse/m)
  const commands = await within(/^headcount-server\/error\.rs$/, /^pub enum CommandError/m, /^}/m)
  const given = await messages(/\bRefusal::(?:full|invalid_body|invalid_query)\(|let message = (?:format!\()?(?=")/g, /^headcount-server\/endpoints\/(?!openapi)/)
  const queries = await within(/^headcount-server\/endpoints\/query\.rs$/, /^fn explained/m, /^}/m)
  const invalid = await messages(/#\[error\(/g, /^headcount-core\/(version|route|pattern)\.rs$/)
  const parts = /^(Failed to deserialize|unknown (field|variant)|duplicate field|missing field|expected a nonzero|, expected|: write|a command could not be stored|the spread is too long|an invalidation stands for|no number is left|the server has stopped)/
  const said = [...own, ...commands, ...given, ...queries, ...invalid].filter((text) => !parts.test(text))
  await agree('docs/runbook/answers.md', said, 'Messages')
})

test('each line about health is in the runbook, and the runbook has no other', async () => {
  const said = await messages(/\bunavailable\((?:&format!\()?(?=")|Condition::Fails\(reason\) => \{\s*format!\(/g, /endpoints\/health\.rs$/)
  const ended = (await messages(/#\[error\(/g)).find((text) => text.startsWith('… has ended'))
  await agree('docs/runbook/answers.md', [...said, ended], 'Health')
})

test('each metric of a server is in the runbook, and the runbook has no other', async () => {
  const broker = await Broker.start()
  const server = await Server.run(['serve', '--ephemeral', '--cluster', broker.url], VARIABLES)
  try {
    const text = await (await fetch(`${server.url}/metrics`)).text()
    // A family of counters without a sample, such as that of bots before the first, has only its type.
    const families = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name, type]) => type === 'counter' ? `${name}_total` : name)
    const kinds = [...text.matchAll(/^(\w+\{kind="\w+"\}) /gm)].map(([, kind]) => kind)
    const counted = families.filter((family) => !kinds.some((kind) => kind.startsWith(`${family}{`)))
    same((await firstCells('docs/runbook/metrics.md')).map((cell) => cell.replace(/\{pattern=.*\}/, '')), [...kinds, ...counted])
  } finally {
    await server.stop()
    await broker.stop()
  }
})

/** Each message begins as a row of the page, or of its section, does, and each row as a message does. Places before a message, and names of limits, are filled in. */
async function agree(page, all, section) {
  const said = all.map((text) => text.replace(/^((…|--listen): )+/, '').replaceAll(/`limits\.\w+`/g, '`limits.…`')).filter((text) => !IS_FILLED_IN.test(text))
  assert.ok(said.length > 2, `${page}: ${said.length} messages were found`)
  const rows = (await firstCells(page, section))
  const begins = (row) => (text) => row.length >= Math.min(BEGINNING_MIN, text.length) && text.startsWith(row.replace(/ ?…$/, ''))
  assert.deepEqual(said.filter((text) => !rows.some((row) => begins(row)(text))), [], `${page} lacks these`)
  assert.deepEqual(rows.filter((row) => !said.some(begins(row))), [], `${page} has these, which nothing says`)
}

function same(there, wanted) {
  assert.deepEqual([...new Set(there)].sort(), [...new Set(wanted)].sort())
}

/** What stands as code in the first column of the page's tables. */
async function firstCells(page, section) {
  const text = await readFile(ROOT + page, 'utf8')
  const part = section === undefined ? text : text.split(`\n## ${section}\n`)[1].split('\n## ')[0]
  return [...part.matchAll(/^\| (`+) ?(.*?) ?\1 \|/gm)].map(([, , code]) => code.replaceAll('\\|', '|'))
}

/** The sentences in each of these calls, with `…` for what is filled in. @param {RegExp} call what ends before its arguments */
async function messages(call, path = PROGRAM) {
  return (await sources((file) => path.test(file))).flatMap((source) => [...source.matchAll(call)].flatMap(({ index, 0: begin }) => {
    const strings = [...outermost(source.slice(index + begin.length)).matchAll(STRING)].map(([, text]) => text)
    if (begin.startsWith('#')) return strings.slice(0, 1).map(shown)
    // A sentence may be put together from several. Where no text has a space, the message is one word, after the fields.
    const sentences = strings.filter((text) => text.includes(' '))
    return (sentences.length > 0 ? sentences : strings.slice(-1)).map(shown)
  }))
}

/** The sentences between two places of a file. */
async function within(path, begin, end) {
  const [source] = await sources((file) => path.test(file))
  const [, after] = source.split(begin)
  return texts(after.split(end)[0])
}

/** The sentences in a source. */
function texts(source) {
  return [...source.matchAll(STRING)].filter(([, text]) => /\S \S/.test(text)).map(([, text]) => shown(text))
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
  return literal.replace(/\\\n\s*/g, '').replaceAll('\\n', ' ').replaceAll('\\"', '"').replaceAll('\\\\', '\\').replace(/\{[^{}]*\}/g, '…').replace(/\s+/g, ' ').trim()
}

/** The production code, without its unit tests and comments. @param {(path: string) => boolean} isWanted by `<crate>/<file>` */
async function sources(isWanted = (path) => PROGRAM.test(path)) {
  const found = await Promise.all(CRATES.map(async (crate) => {
    const files = (await readdir(ROOT + crate, { recursive: true })).filter((file) => file.endsWith('.rs') && !/(^|\/)(tests|fuzz)(\/|\.rs)|(^|\/)demo\/(?!mod)/.test(file))
    const wanted = files.sort().filter((file) => isWanted(`${crate.split('/')[1]}/${file}`))
    return Promise.all(wanted.map(async (file) => (await readFile(`${ROOT}${crate}/${file}`, 'utf8')).split('#[cfg(test)]\nmod tests')[0].replace(/^\s*\/\/.*$/gm, '')))
  }))
  return found.flat()
}

/** How a run of the program ends. */
function ended(program, words) {
  return new Promise((resolve) => {
    execFile(program, words, (error, stdout, stderr) => { resolve({ code: error?.code ?? 0, stderr }) })
  })
}
