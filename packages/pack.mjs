// Packs what npm publishes: the client, the Vue and the Nuxt package, the launcher, and the binary of one platform. `cargo xtask dist` runs it.
//
//   node packages/pack.mjs <binary> <target> <version> <out>
//
// A package is packed as its own scripts want it, and once more with the licences in it. The launcher names the packages of all platforms as optional
// only here: in the repository npm would look for them.

import { execFileSync } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const LIBRARIES = ['client', 'vue', 'nuxt']
const LICENCES = ['LICENSE-APACHE', 'LICENSE-MIT']
/** Of what is in the binary, beside which it lies. */
const THIRD_PARTY = 'THIRD-PARTY-LICENSES'
const PLATFORMS = read(join(ROOT, 'packages/cli/platforms.json'))

const [binary, target, version, out] = process.argv.slice(2)
if (out === undefined) throw new Error('usage: node packages/pack.mjs <binary> <target> <version> <out>')

const staging = mkdtempSync(join(tmpdir(), 'headcount-npm-'))
try {
  mkdirSync(out, { recursive: true })
  for (const name of LIBRARIES) finish(stage(name))
  finish(launcher())
  const [platform] = Object.entries(PLATFORMS).find(([, its]) => its.target === target) ?? []
  if (platform === undefined) console.error(`no npm package is for ${target}: packages/cli/platforms.json names those that are`)
  else finish(forPlatform(platform))
} finally {
  rmSync(staging, { recursive: true })
}

/** The files of a package, as npm packs them, in a separate folder. */
function stage(name) {
  const source = join(ROOT, 'packages', name)
  if (name !== 'cli' && !existsSync(join(source, 'dist'))) throw new Error(`packages/${name} is not built: run \`npm run build\` there`)
  npm(source, 'pack', '--silent', '--pack-destination', staging)
  const folder = join(staging, name)
  mkdirSync(folder)
  const archive = `headcount-${name}-${read(join(source, 'package.json')).version}.tgz`
  execFileSync('tar', ['-xzf', join(staging, archive), '-C', folder, '--strip-components', '1'])
  return folder
}

function launcher() {
  const folder = stage('cli')
  const packages = Object.keys(PLATFORMS).map((platform) => [`@headcount/cli-${platform}`, version])
  change(folder, { optionalDependencies: Object.fromEntries(packages) })
  return folder
}

/** The binary as a package that npm installs on its platform alone. */
function forPlatform(platform) {
  const folder = join(staging, `cli-${platform}`)
  mkdirSync(join(folder, 'bin'), { recursive: true })
  cpSync(binary, join(folder, 'bin/headcount'))
  copyFileSync(join(dirname(binary), THIRD_PARTY), join(folder, THIRD_PARTY))
  const { license, repository, engines } = read(join(ROOT, 'packages/cli/package.json'))
  const { os, cpu, libc } = PLATFORMS[platform]
  const description = `The headcount binary for ${platform} (${libc}). Install @headcount/cli instead.`
  const manifest = { name: `@headcount/cli-${platform}`, version, description, license, repository, preferUnplugged: true, files: ['bin', THIRD_PARTY], engines, os: [os], cpu: [cpu], libc: [libc] }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(folder, 'README.md'), `# ${manifest.name}\n\n${description.replace('@headcount/cli', '[`@headcount/cli`](https://www.npmjs.com/package/@headcount/cli)')}\n`)
  return folder
}

/** Adds the licences, and packs. */
function finish(folder) {
  for (const licence of LICENCES) copyFileSync(join(ROOT, licence), join(folder, licence))
  const { name, version: its, files } = read(join(folder, 'package.json'))
  if (its !== version) throw new Error(`${name} has the version ${its}, and the release is ${version}: packages/${basename(folder)}/package.json`)
  change(folder, { files: [...files, ...LICENCES] })
  npm(folder, 'pack', '--silent', '--ignore-scripts', '--pack-destination', resolve(out))
}

function change(folder, fields) {
  const path = join(folder, 'package.json')
  writeFileSync(path, `${JSON.stringify({ ...read(path), ...fields }, null, 2)}\n`)
}

function read(path) {
  return JSON.parse(readFileSync(path, 'utf8'))
}

function npm(cwd, ...args) {
  execFileSync('npm', args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] })
}
