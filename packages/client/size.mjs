// Fails if the client has grown beyond what a page should have to load for it.
//
// Measured is what every page loads: the script of the tag, and the package as it is. Each part that is loaded when needed is
// printed, too. Compressed by gzip at its highest level, as a server would.

import { readdirSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const BYTES_MAX = 6 * 1024
const DIST = new URL('dist/', import.meta.url)

const size = (file) => gzipSync(readFileSync(new URL(file, DIST)), { level: 9 }).length

for (const [file, folder] of [['client.js', 'client/'], ['index.js', './']]) {
  const bytes = size(file)
  console.log(`dist/${file}: ${bytes} of at most ${BYTES_MAX} bytes, gzipped`)
  if (bytes > BYTES_MAX) process.exitCode = 1
  for (const part of readdirSync(new URL(folder, DIST)).filter((name) => /[-.].*\.js$/.test(name))) {
    console.log(`  when needed: ${part.split(/[-.]/)[0]}, ${size(folder + part)} bytes`)
  }
}
