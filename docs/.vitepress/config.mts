// The site that `npm run build` makes of the Markdown files in `docs/`, of the protocol, and of the texts in the root.
//
// The files are written to be read as plain files too, so their links are those of the repository. `links.ts` turns them into links
// of the site. The sidebar lists the files of each folder, so a new page appears by itself.

import { defineConfig } from 'vitepress'

import { repositoryLinks } from './links.ts'
import { address, LEFT_OUT } from './pages.ts'
import { sidebar } from './sidebar.ts'

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
  // Rows of text read better one below the other where the screen is narrow.
  transformPageData: ({ relativePath, frontmatter }) => {
    if (relativePath.startsWith('runbook/')) frontmatter.pageClass = 'stacked'
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
