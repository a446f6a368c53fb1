// The sidebar: the files of each folder, by their first headings.

import { readFileSync } from 'node:fs'
import type { DefaultTheme } from 'vitepress'

import { address, PAGES, ROOT } from './pages.ts'

/** Folders in the order of the sidebar, and the pages that come first in each. Others follow by their titles. */
const FOLDERS: [title: string, pages: RegExp, first: string[]][] = [
  ['Guides', /^docs\/guides\//, [
    'install', 'script-tag', 'nuxt', 'vue', 'axum', 'bridge', 'releases', 'gate', 'board', 'who-may-see', 'configuration',
    'nginx', 'caddy', 'traefik', 'cloudflare', 'systemd', 'kubernetes', 'cluster', 'sizing', 'privacy', 'upgrading',
  ]],
  ['Runbook', /^docs\/runbook\//, ['index', 'log', 'answers', 'metrics']],
  ['Reference', /^docs\/reference\//, ['index', 'configuration', 'limits', 'cli', 'metrics', 'admin-api']],
  ['Protocol', /^protocol\//, ['PROTOCOL', 'BRIDGE']],
  ['Packages', /^(packages|examples)\//, []],
  ['How it works', /^(docs\/[^/]+|[A-Z]+)\.md$/, ['security-model', 'measured', 'SECURITY', 'ARCHITECTURE', 'glossary']],
  ['Decisions', /^docs\/decisions\//, ['index']],
]

export function sidebar(): DefaultTheme.SidebarItem[] {
  const folders = FOLDERS.map(([text, belongs, first]) => {
    const pages = PAGES.filter((page) => belongs.test(page) && page !== 'docs/index.md')
    const items = pages.map((page) => ({ text: title(page), link: `/${address(page)}`, place: place(page, first) }))
    items.sort((one, other) => one.place - other.place || one.text.localeCompare(other.text))
    return { text, collapsed: text === 'Decisions', items }
  })
  return folders.filter(({ items }) => items.length > 0)
}

function place(page: string, first: string[]): number {
  const found = first.findIndex((name) => page.endsWith(`/${name}.md`) || page === `${name}.md`)
  return found < 0 ? first.length : found
}

function title(page: string): string {
  const heading = /^# (.*)$/m.exec(readFileSync(`${ROOT}${page}`, 'utf8'))?.[1]
  if (heading === undefined) throw new Error(`${page} has no heading`)
  return heading.replaceAll('`', '')
}
