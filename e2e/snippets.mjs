// The fenced blocks of the documentation: what its tests run, compile or compare.
//
// A page may say in a comment which tabs are open from there on (`<!-- tabs: v1 /checkout 3, v2 / 5 -->`), because the output that it
// shows depends on them. A block below a paragraph that begins with *Not tested here* is left out: its reader is told.

import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('..', import.meta.url))
const UNTESTED = /^\*Not tested here[ :]/

/** Every page of the documentation that is written by hand. */
export async function pages() {
  const files = await readdir(`${ROOT}docs`, { recursive: true })
  const wanted = files.filter((file) => file.endsWith('.md') && !/node_modules|\.vitepress|^(reference|decisions)\//.test(file))
  return ['README.md', ...wanted.map((file) => `docs/${file}`).sort()]
}

/**
 * @param {string} page
 * @returns {Promise<{ page: string, line: number, language: string, text: string, isTested: boolean, tabs: { version: string, route: string, count: number }[] }[]>}
 */
export async function snippets(page) {
  const found = []
  let open, paragraph = '', isNew = true, tabs = []
  for (const [index, line] of (await readFile(ROOT + page, 'utf8')).split('\n').entries()) {
    const fence = /^( *)```([\w,-]*)/.exec(line)
    if (fence && open === undefined) {
      open = { page, line: index + 1, language: fence[2], text: '', isTested: !UNTESTED.test(paragraph), tabs, indent: fence[1].length }
      tabs = []
    } else if (fence) {
      const { indent: _, ...snippet } = open
      found.push(snippet)
      open = undefined
      paragraph = ''
    } else if (open !== undefined) {
      open.text += `${line.slice(open.indent)}\n`
    } else {
      const directive = /^<!-- tabs: (.*) -->$/.exec(line)
      if (directive) tabs = directive[1].split(', ').map(tab)
      else if (line !== '') paragraph = paragraph === '' || isNew ? line : paragraph
    }
    isNew = line === ''
  }
  return found
}

function tab(text) {
  const [version, route, count] = text.split(' ')
  return { version, route, count: Number(count) }
}

/** Those of a language on a page. @param {string} page @param {string} language */
export async function snippetsIn(page, language) {
  return (await snippets(page)).filter((snippet) => snippet.language === language)
}
