// Fails if the client has grown beyond what a page should have to load for it.
//
// Measured is what a page loads, all of it: the script of the tag, and the package as it is. Compressed by gzip at its highest
// level, as a server would.

import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const BYTES_MAX = 6 * 1024

for (const file of ['client.js', 'index.js']) {
  const bytes = gzipSync(readFileSync(new URL(`dist/${file}`, import.meta.url)), { level: 9 }).length
  console.log(`dist/${file}: ${bytes} of at most ${BYTES_MAX} bytes, gzipped`)
  if (bytes > BYTES_MAX) process.exitCode = 1
}
