// Fails if the board has grown beyond what an operator on a slow line should have to load for it.
//
// Measured is each file of the build by itself, compressed by gzip at its highest level, as a server would.

import { readdirSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const BYTES_MAX = { '.js': 130 * 1024, '.css': 16 * 1024 }

const assets = new URL('dist/assets/', import.meta.url)
for (const [end, bytes_max] of Object.entries(BYTES_MAX)) {
  const files = readdirSync(assets).filter((name) => name.endsWith(end))
  const bytes = files.reduce((sum, name) => sum + gzipSync(readFileSync(new URL(name, assets)), { level: 9 }).length, 0)
  console.log(`dist/assets/*${end}: ${bytes} of at most ${bytes_max} bytes, gzipped`)
  if (files.length === 0 || bytes > bytes_max) process.exitCode = 1
}
