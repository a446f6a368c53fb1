// Fails if the client has grown beyond what a page should have to load for it.
//
// Measured is the script of the tag, which holds everything: compressed by gzip at its highest level, as a server would.

import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const BYTES_MAX = 6 * 1024

const bytes = gzipSync(readFileSync(new URL('dist/client.js', import.meta.url)), { level: 9 }).length
console.log(`dist/client.js: ${bytes} of at most ${BYTES_MAX} bytes, gzipped`)
if (bytes > BYTES_MAX) process.exitCode = 1
