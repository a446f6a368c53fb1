// The pages that the first guide shows, in a real browser before a real server: each is counted, and reloads once when it is told to.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { newVisitor, Tab } from './browser.mjs'
import { snippetsIn } from './snippets.mjs'
import { browser, counted, loaded, server, site } from './stage.mjs'

const [withClient, withoutClient] = await snippetsIn('docs/guides/script-tag.md', 'html')
const [ofReadme] = await snippetsIn('README.md', 'html')

test('the README shows the line of the guide', () => assert.equal(ofReadme.text, withClient.text))

for (const [name, { text }] of Object.entries({ 'the line with the client': withClient, 'the page without the client': withoutClient })) {
  test(`${name} is counted, and reloads once for each command`, async () => {
    site.script = text
    const tab = await Tab.open(await newVisitor(browser), `${site.url}/checkout`)
    const other = await Tab.open(await newVisitor(browser), `${site.url}/about`)
    await counted({ total: 2, routes: { '/checkout': 1, '/about': 1 }, versions: { v2: 2 } })
    await server.command('invalidate-route', { route: '/checkout' })
    await loaded([[tab, 2], [other, 1]])
    await counted({ total: 2, routes: { '/checkout': 1, '/about': 1 } })
    await tab.page.evaluate(() => history.pushState({}, '', '/products'))
    await counted({ total: 2, routes: { '/products': 1, '/about': 1 } })
    // What was sent to a tab earlier has arrived when this has.
    await server.command('invalidate-route', { route: '/' })
    await loaded([[tab, 3], [other, 2]])
    await counted({ total: 2, versions: { v2: 2 } })
    await loaded([[tab, 3], [other, 2]])
    assert.deepEqual([...tab.errors, ...other.errors], [])
  })
}
