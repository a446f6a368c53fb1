// The licences of what is in the binary by others come with it, in full, however it is handed out.

import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { before, test } from 'node:test'

import { artefact, FOLDER, run } from './handed-out.mjs'

const NAME = 'THIRD-PARTY-LICENSES'

let text
before(async () => {
  text = await run(['tar', '--extract', '--to-stdout', '--wildcards', `*/${NAME}`, '--file', await artefact(/\.tar\.gz$/)])
})

test('every package of the bill of materials is named, with its licence', async () => {
  const { components } = JSON.parse(await readFile(await artefact(/\.cdx\.json$/), 'utf8'))
  const lines = new Set(text.split('\n'))
  for (const { name, version } of components.filter(({ name }) => !/^@?headcount\b/.test(name))) {
    assert.ok([...lines].some((line) => line.startsWith(`${name} ${version} (`)), `${name} ${version}`)
  }
})

test('their texts are there, each once', () => {
  for (const said of ['Copyright (c) 2014-2026 Sean McArthur', 'Copyright (c) 2018-present, Yuxi (Evan) You']) assert.equal(text.split(said).length - 1, 1, said)
})

test('nothing of the machine is in it', () => assert.doesNotMatch(text, /\/registry\/src\/|node_modules/))

test('the Debian package and the npm package of the binary have the same', async () => {
  const npm = (await readdir(join(FOLDER, 'npm'))).find((name) => /^headcount-cli-[a-z]+-/.test(name))
  assert.equal(await run(['tar', '--extract', '--to-stdout', `package/${NAME}`, '--file', join(FOLDER, 'npm', npm)]), text)
  const deb = await artefact(/\.deb$/)
  assert.equal(await run(['sh', '-c', `dpkg-deb --fsys-tarfile "$0" | tar --extract --to-stdout ./usr/share/doc/headcount/${NAME}`, deb]), text)
})
