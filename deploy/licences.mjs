// The licences of what is in the binary, in full: they ask for that where the binary is handed out. A line for each package of a bill of materials,
// and below it the texts that its authors ship with it.
//
//   cargo metadata --format-version 1 --locked --filter-platform <target> | node licences.mjs <bill.json>   writes text to stdout
//
// A text that several packages share stands once, behind the names of all of them. A package that ships no text is named with its licence; one
// that is not installed is an error.

import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { json } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

const PACKAGES = fileURLToPath(new URL('../node_modules/', import.meta.url))
const IS_TEXT = /^(?:licen[cs]e|copying|copyright|notice|unlicen[cs]e)/i
const LINE = `${'-'.repeat(80)}\n`

const bill = JSON.parse(await readFile(process.argv[2], 'utf8'))
const { packages } = await json(process.stdin)
const folders = new Map(packages.map(({ name, version, manifest_path }) => [`${name} ${version}`, dirname(manifest_path)]))

/** Texts and the packages that have them, by the text's words; of packages without a text, by ''. @type {Map<string, { text: string, names: string[] }>} */
const found = new Map()
for (const component of bill.components.filter(isOfOthers)) {
  const texts = await textsOf(component)
  for (const text of texts.length > 0 ? texts : ['']) {
    const words = text.replaceAll(/\s+/g, ' ')
    const { names } = found.get(words) ?? found.set(words, { text, names: [] }).get(words)
    names.push(described(component))
  }
}
const without = found.get('')?.names ?? []
found.delete('')
process.stdout.write('What the binary of headcount holds by others, and under which licences.\n\n')
for (const { text, names } of found.values()) process.stdout.write(`${LINE}${names.join('\n')}\n${LINE}\n${text}\n\n`)
if (without.length > 0) process.stdout.write(`${LINE}These ship no text of their licence:\n${without.join('\n')}\n`)

function isOfOthers({ name }) {
  return !/^@?headcount\b/.test(name)
}

/** @returns {Promise<string[]>} */
async function textsOf({ name, version, purl }) {
  const folder = purl.startsWith('pkg:cargo/') ? folders.get(`${name} ${version}`) : join(PACKAGES, name)
  if (folder === undefined) throw new Error(`${name} ${version} is in the bill of materials and not among Cargo's packages`)
  const files = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isFile() && IS_TEXT.test(entry.name)).map((entry) => entry.name)
  return Promise.all(files.sort().map(async (file) => (await readFile(join(folder, file), 'utf8')).replaceAll('\r\n', '\n').trim()))
}

function described({ name, version, licenses }) {
  return `${name} ${version} (${licenses.map(({ expression, license }) => expression ?? license.id ?? license.name).join(', ')})`
}
