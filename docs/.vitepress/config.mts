// The site that `npm run build` makes of the Markdown files in `docs/`, of the protocol, and of the texts in the root.
//
// The files are written to be read as plain files too, so their links are those of the repository. `links.ts` turns them into links
// of the site. The sidebar lists the files of each folder, so a new page appears by itself.

import { fileURLToPath } from 'node:url'

import { defineConfig } from 'vitepress'

import { repositoryLinks } from './links.ts'
import { address, LEFT_OUT } from './pages.ts'
import { sidebar } from './sidebar.ts'

const FIRST_PAGE = fileURLToPath(new URL('../index.md', import.meta.url))

export default defineConfig({
  title: 'headcount',
  description: 'Which browser tabs are open on your site, which build they run, and a refresh for exactly those that need it.',
  srcDir: '..',
  srcExclude: LEFT_OUT,
  rewrites: address,
  cacheDir: 'node_modules/.cache',
  // A link to a page that is not there ends the build.
  ignoreDeadLinks: false,
  markdown: {
    languageAlias: { 'caddy': 'nginx', 'caddyfile': 'nginx', 'rust,no_run': 'rust' },
    config: repositoryLinks,
  },
  vite: {
    plugins: [{
      name: 'one-vue',
      enforce: 'pre',
      // Pages outside of `docs/` would take the Vue of the packages, or none where those are not installed.
      resolveId(id, importer, options) {
        if (!/^vue(\/|$)/.test(id) || !importer?.endsWith('.md') || importer === FIRST_PAGE) return null
        return this.resolve(id, FIRST_PAGE, { ...options, skipSelf: true })
      },
    }],
  },
  // Rows of text read better one below the other where the screen is narrow.
  transformPageData: ({ relativePath, frontmatter }) => {
    if (/^(runbook|reference)\//.test(relativePath)) frontmatter.pageClass = 'stacked'
  },
  themeConfig: {
    nav: [
      { text: 'Guides', link: '/guides/script-tag.html' },
      { text: 'Reference', link: '/reference/' },
      { text: 'Runbook', link: '/runbook/' },
    ],
    outline: [2, 3],
    search: { provider: 'local' },
    sidebar: sidebar(),
  },
})
