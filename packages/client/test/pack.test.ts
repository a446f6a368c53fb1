// What npm would publish: the protocol is in it, whole, and nothing of it stays behind.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { expect, test } from 'vitest'

const PACKAGE = fileURLToPath(new URL('..', import.meta.url))
const PROTOCOL = fileURLToPath(new URL('../../../protocol', import.meta.url))

test('the packed client holds the documents and the vectors of the protocol', { timeout: 60_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'headcount-pack-'))
  try {
    execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: PACKAGE })
    const [archive] = readdirSync(folder)
    execFileSync('tar', ['-xzf', archive ?? '', '-C', folder], { cwd: folder })
    for (const file of readdirSync(PROTOCOL, { recursive: true, encoding: 'utf8' }).filter((name) => /\.(md|json)$/.test(name))) {
      expect(readFileSync(join(folder, 'package/protocol', file), 'utf8'), file).toBe(readFileSync(join(PROTOCOL, file), 'utf8'))
    }
    expect(existsSync(join(PACKAGE, 'protocol'))).toBe(false)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
