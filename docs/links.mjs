// Looks at the site that was built: each link to a page, a part of a page or a file of the site leads somewhere.
//
// VitePress refuses links to pages that are not there. This looks at the parts of pages (`#…`) and at what is not a page.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const SITE = fileURLToPath(new URL('.vitepress/dist', import.meta.url))
const files = readdirSync(SITE, { recursive: true }).filter((file) => file.endsWith('.html'))
/** Of each page, what can be linked to. */
const parts = new Map(files.map((file) => [file, new Set(matches(read(file), / id="([^"]+)"/g))]))
const dead = files.flatMap((file) => [...new Set(matches(read(file), / (?:href|src)="([^"]+)"/g))].filter((link) => isDead(link, file)).map((link) => `${file}: ${link}`))

if (dead.length > 0) {
  console.error(`links to nothing:\n  ${dead.join('\n  ')}`)
  process.exitCode = 1
} else {
  console.log(`${files.length} pages, no link to nothing`)
}

function isDead(link, file) {
  if (/^([a-z]+:|\/\/)/i.test(link)) return false
  const [path, part] = link.split('#').map((text) => decodeURIComponent(text))
  const target = path === '' ? file : relative(SITE, path.startsWith('/') ? join(SITE, path) : join(SITE, dirname(file), path))
  const page = [target, join(target, 'index.html')].find((name) => parts.has(name))
  if (page === undefined) return !existsSync(join(SITE, target))
  return Boolean(part) && !parts.get(page).has(part)
}

function read(file) {
  return readFileSync(join(SITE, file), 'utf8')
}

function matches(text, pattern) {
  return [...text.matchAll(pattern)].map(([, found]) => found.replaceAll('&amp;', '&'))
}
