// Which files of the repository are pages, and where they are on the site.

import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

const IS_PAGE = /^(docs\/.*|protocol\/[^/]+|(packages|examples)\/[^/]+\/README|ARCHITECTURE|CHANGELOG|CONTRIBUTING|SECURITY)\.md$/
/** What is built or installed. */
const BUILT = new Set(['node_modules', 'target', 'dist', '.git', '.nuxt', '.output'])

const texts = markdown('')
/** Paths from the root of the repository. */
export const PAGES = texts.filter((file) => IS_PAGE.test(file))
/** What VitePress leaves out. */
export const LEFT_OUT = [...[...BUILT].map((folder) => `**/${folder}/**`), ...texts.filter((file) => !IS_PAGE.test(file))]

/** Where a file is on the site: what is in `docs/` stands at its root, and a package's README has the package's name. */
export function address(file: string): string {
  return file.replace(/^docs\//, '').replace(/^((?:packages|examples)\/[^/]+)\/README\.md$/, '$1.md')
}

function markdown(folder: string): string[] {
  return readdirSync(ROOT + folder, { withFileTypes: true }).flatMap((entry) => {
    const path = folder + entry.name
    if (entry.isDirectory()) return BUILT.has(entry.name) ? [] : markdown(`${path}/`)
    return path.endsWith('.md') ? [path] : []
  }).sort()
}
