// Links of the repository as links of the site.
//
// A link to a page becomes one to its address. A link to any other file becomes one to the repository. A link to nothing ends the build.

import { existsSync } from 'node:fs'
import { posix, relative } from 'node:path'
import type { MarkdownEnv, MarkdownRenderer } from 'vitepress'

import { address, PAGES, ROOT } from './pages.ts'

const REPOSITORY = 'https://github.com/headcount/headcount/blob/main/'
/** What leaves the site, or stays on the page. */
const ELSEWHERE = /^([a-z]+:|\/\/|#)/i
const pages = new Set(PAGES)

export function repositoryLinks(markdown: MarkdownRenderer): void {
  markdown.core.ruler.push('repository-links', ({ tokens, env }: { tokens: Token[], env: MarkdownEnv }) => {
    const page = relative(ROOT, env.realPath ?? env.path)
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      const target = token.type === 'link_open' && token.attrGet('href')
      if (target && !ELSEWHERE.test(target)) token.attrSet('href', translated(target, page))
    }
  })
}

interface Token {
  type: string
  children: Token[] | null
  attrGet(name: string): string | null
  attrSet(name: string, value: string): void
}

function translated(target: string, page: string): string {
  const [path = '', hash] = target.split('#')
  const file = posix.join(posix.dirname(page), path).replace(/\/$/, '')
  const anchor = hash === undefined ? '' : `#${hash}`
  if (file === 'README.md' && hash === undefined) return '/' // The first page of the site says the same.
  const asPage = [file, `${file}/index.md`, `${file}/README.md`].find((name) => pages.has(name))
  if (asPage !== undefined) return `/${address(asPage)}${anchor}`
  if (!existsSync(posix.join(ROOT, file))) throw new Error(`${page}: there is no ${file}, which it links to`)
  return `${REPOSITORY}${file}${anchor}`
}
