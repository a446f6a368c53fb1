// The Debian package: installed by dpkg into a root that is thrown away, used, removed and purged. Without root it is unpacked and used.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { before, test } from 'node:test'

import { artefact, emptyFolder, has, run } from './handed-out.mjs'
import { ThrowawayRoot } from './throwaway-root.mjs'
import { useOnce } from './used.mjs'

let deb
before(async () => {
  deb = await artefact(/\.deb$/)
})

test('the package says what it needs and which of its files are settings', async () => {
  const fields = await run(['dpkg-deb', '--info', deb])
  assert.match(fields, /Depends: .*adduser/)
  assert.match(fields, /Depends: .*libc6 \(>= [\d.]+\)/)
  assert.equal(await run(['dpkg-deb', '--info', deb, 'conffiles']), '/etc/headcount/headcount.toml\n')
})

test('lintian has no error', async (context) => {
  if (!await has('lintian')) return context.skip('there is no lintian here')
  // What a package of a distribution owes, and this one does not: a bug that it closes, and a changelog in Debian's form.
  const suppressed = '--suppress-tags=no-changelog,initial-upload-closes-no-bugs,embedded-library,unstripped-binary-or-object'
  await run(['lintian', '--fail-on', 'error', suppressed, '--allow-root', deb])
})

test('the unpacked package serves', async (context) => {
  const folder = await emptyFolder(context)
  await run(['dpkg-deb', '--extract', deb, folder])
  const settings = join(folder, 'etc/headcount/headcount.toml')
  await useOnce([join(folder, 'usr/bin/headcount')], ['--config', settings, '--data-dir', join(folder, 'data')])
})

test('installed, it serves as its user with its settings; purged, it leaves its user alone', async (context) => {
  const root = await ThrowawayRoot.make(context)
  if (typeof root === 'string') return context.skip(`${root}, so nothing was installed by dpkg`)
  if (!await has('dpkg')) return context.skip('this is no Debian, so nothing was installed by dpkg')
  await root.take(deb, '/srv/headcount.deb')
  await root.run('dpkg', '--no-triggers', '--install', '/srv/headcount.deb')

  assert.equal(await root.run('stat', '--format', '%U %a', '/etc/headcount/admin-secret'), 'root 600\n')
  assert.match(await root.run('cat', '/etc/headcount/admin-secret'), /^[\da-f]{48}$/)
  if (await has('systemd-analyze')) await root.run('systemd-analyze', 'verify', '--man=no', '/usr/lib/systemd/system/headcount.service')
  const asUser = [...root.inside, 'setpriv', '--reuid=headcount', '--regid=headcount', '--clear-groups', '/usr/bin/headcount']
  await root.run('install', '-d', '-o', 'headcount', '/var/lib/headcount')
  await useOnce(asUser, ['--config', '/etc/headcount/headcount.toml', '--data-dir', '/var/lib/headcount'])

  const secret = await root.run('cat', '/etc/headcount/admin-secret')
  await root.run('dpkg', '--no-triggers', '--install', '/srv/headcount.deb')
  assert.equal(await root.run('cat', '/etc/headcount/admin-secret'), secret, 'a new version keeps the secret')
  await root.run('dpkg', '--remove', 'headcount')
  assert.deepEqual(await root.changed('/etc/headcount*'), ['/etc/headcount', '/etc/headcount/admin-secret', '/etc/headcount/headcount.toml'])
  assert.notDeepEqual(await root.changed('/var/lib/headcount/*'), [])
  await root.run('dpkg', '--purge', 'headcount')
  assert.deepEqual(await root.changed('*headcount*'), ['/srv/headcount.deb'])
  assert.match(await root.run('id', 'headcount'), /headcount/)
})
