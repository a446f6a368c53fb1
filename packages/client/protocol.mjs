// The protocol's documents and vectors ship with the client. They are copied here while npm packs, and are never a second source.
import { cpSync, rmSync } from 'node:fs'

const here = new URL('protocol/', import.meta.url)
rmSync(here, { recursive: true, force: true })
if (process.argv[2] === 'copy') cpSync(new URL('../../protocol/', import.meta.url), here, { recursive: true })
