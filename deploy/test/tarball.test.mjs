// The tarball, unpacked into an empty folder and used there.

import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'

import { artefact, emptyFolder, FOLDER, has, ROOT, run } from './handed-out.mjs'
import { useOnce } from './used.mjs'

let archive
before(async () => {
  archive = await artefact(/\.tar\.gz$/)
})

test('what is handed out has the checksums that are handed out with it', async () => {
  assert.match(await run(['sha256sum', '--check', 'SHA256SUMS'], { cwd: FOLDER }), /\.tar\.gz: OK/)
})

test('every entry belongs to root and lies in one folder', async () => {
  const lines = (await run(['tar', '--list', '--verbose', '--numeric-owner', '--file', archive])).trim().split('\n')
  for (const line of lines) assert.match(line, /^[d-]rw[x-]r-[x-]r-[x-] 0\/0 .* headcount-[\d.]+-[\w-]+\//)
})

describe('unpacked', () => {
  test('it serves, and its commands reach it', async (context) => {
    const folder = await unpacked(context)
    const [, version] = /^version = "(.*)"$/m.exec(await readFile(join(ROOT, 'Cargo.toml'), 'utf8'))
    assert.equal(await run([join(folder, 'headcount'), '--version']), `headcount ${version}\n`)
    await useOnce([join(folder, 'headcount')], ['--data-dir', join(folder, 'data')])
  })

  test('there is a manual page for every command, and man reads it without a warning', async (context) => {
    const folder = await unpacked(context)
    const help = await run([join(folder, 'headcount'), '--help'])
    const names = [...help.split('Commands:')[1].split('Options:')[0].matchAll(/^ {2}(\w[\w-]*)/gm)].map(([, name]) => name)
    const commands = names.filter((name) => name !== 'help').map((name) => `headcount-${name}.1`)
    assert.deepEqual((await readdir(join(folder, 'man'))).sort(), ['headcount.1', ...commands].sort())
    if (!await has('man')) return context.diagnostic('there is no man here, so nothing has read the pages')
    for (const page of await readdir(join(folder, 'man'))) {
      const warnings = await run(['sh', '-c', 'LC_ALL=C.UTF-8 man --warnings --local-file "$0" 2>&1 >/dev/null', join(folder, 'man', page)])
      assert.equal(warnings, '')
    }
  })

  test('bash, zsh and fish complete its commands', async (context) => {
    const folder = join(await unpacked(context), 'completions')
    const bash = `source "$0"; COMP_WORDS=(headcount rel) COMP_CWORD=1; _headcount headcount rel headcount; echo "\${COMPREPLY[@]}"`
    assert.equal(await run(['bash', '-c', bash, join(folder, 'headcount.bash')]), 'release releases\n')
    if (await has('fish')) {
      assert.match(await run(['fish', '--no-config', '-c', 'source $argv[1]; complete -C "headcount rel"', join(folder, 'headcount.fish')]), /^releases\t/m)
    } else context.diagnostic('there is no fish here, so it has not read its completions')
    if (await has('zsh')) await run(['zsh', '-f', '-n', join(folder, '_headcount')])
    else context.diagnostic('there is no zsh here, so it has not read its completions')
  })

  test('its unit is the one of the guide', async (context) => {
    const unit = await readFile(join(await unpacked(context), 'headcount.service'), 'utf8')
    assert.ok((await readFile(join(ROOT, 'docs/guides/systemd.md'), 'utf8')).includes(`\`\`\`ini\n${unit}\`\`\``))
  })
})

/** The folder of a tarball that was unpacked into an empty one. */
async function unpacked(context) {
  const folder = await emptyFolder(context)
  await run(['tar', '--extract', '--file', archive, '--directory', folder])
  const [name, ...others] = await readdir(folder)
  assert.deepEqual(others, [])
  return join(folder, name)
}
