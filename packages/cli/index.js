// Where the binary for this machine is.
//
// npm installs one of the packages `@headcount/cli-<platform>`: each says for which system it is, and this package names them all as
// optional. No script runs at installation, and nothing is downloaded later.

'use strict'

const PLATFORMS = require('./platforms.json')

const FROM_SOURCE = 'build it from source (https://github.com/headcount/headcount#install), or use the container image'

exports.binary = function binary() {
  const { platform, arch } = process
  const name = `${platform}-${arch}`
  if (!Object.hasOwn(PLATFORMS, name)) {
    throw new Error(`@headcount/cli has no binary for ${name}, only for ${Object.keys(PLATFORMS).join(' and ')}: ${FROM_SOURCE}`)
  }
  try {
    return require.resolve(`@headcount/cli-${name}/bin/headcount`)
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error
    throw new Error(missing(name), { cause: error })
  }
}

function missing(name) {
  if (PLATFORMS[name].libc === 'glibc' && !hasGlibc()) {
    return `@headcount/cli has no binary for ${name} with musl (Alpine Linux): use an image with glibc, such as node:22-slim, or ${FROM_SOURCE}`
  }
  return `@headcount/cli-${name} is not installed. npm leaves it out with --omit=optional, and a node_modules that was copied from another system lacks it: `
    + 'run `npm install @headcount/cli` on this machine, without --omit=optional'
}

function hasGlibc() {
  process.report.excludeNetwork = true // Otherwise a report looks up the names of its sockets.
  return process.report.getReport().header.glibcVersionRuntime !== undefined
}
