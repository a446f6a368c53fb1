// Merges two bills of materials into that of headcount: the crates in the binary (cargo-cyclonedx), and the npm packages that the client
// and the board, which the binary embeds, are built from (`npm sbom`).
//
//   node bill.mjs <crates.json> <npm.json> <seconds since 1970>   writes CycloneDX 1.5 to stdout
//
// Of npm's packages, only what the board's own `dependencies` lead to is taken. `npm sbom --omit dev` would also leave out packages that are
// somebody's peer, such as Vue. Paths of the machine are taken out, and so are serial numbers: the same sources give the same bill.

import { readFile } from 'node:fs/promises'

const BOARD = '@headcount/dashboard'
const PACKAGES = new URL('../packages/', import.meta.url)

const [, , cratesFile, npmFile, epoch] = process.argv
const crates = JSON.parse((await readFile(cratesFile, 'utf8')).replaceAll(/path\+file:\/\/[^"#]*\/([\w-]+)#([\w.+-]+)/g, 'pkg:cargo/$1@$2').replaceAll(/\?download_url=file:[^"]*/g, ''))
const npm = JSON.parse(await readFile(npmFile, 'utf8'))

const fromNpm = await reachable()
const { component, properties, tools } = crates.metadata
const bill = {
  bomFormat: 'CycloneDX',
  specVersion: '1.5',
  version: 1,
  metadata: { timestamp: new Date(epoch * 1000).toISOString(), tools: [...tools, ...npm.metadata.tools], component, properties },
  components: [...crates.components, ...npm.components.filter((found) => fromNpm.has(found['bom-ref'])).map(described)],
  dependencies: [
    ...crates.dependencies.map((entry) => entry.ref === component['bom-ref'] ? { ...entry, dependsOn: [...entry.dependsOn, ref(BOARD)] } : entry),
    ...[...fromNpm].map(([from, dependsOn]) => ({ ref: from, dependsOn })),
  ],
}
process.stdout.write(`${JSON.stringify(bill, undefined, 2)}\n`)

/** What the board is built from: each package with those that it needs in use. @returns {Promise<Map<string, string[]>>} */
async function reachable() {
  const graph = new Map(npm.dependencies.map(({ ref: from, dependsOn }) => [from, dependsOn]))
  const found = new Map()
  const open = [ref(BOARD)]
  for (const next of open) {
    if (found.has(next)) continue
    const wanted = await inUse(next, graph.get(next) ?? [])
    found.set(next, wanted)
    open.push(...wanted)
  }
  return found
}

/** Packages of this repository depend on their tools as well, which are in no bundle. */
async function inUse(from, dependsOn) {
  if (!from.startsWith('@headcount/')) return dependsOn
  const [, folder] = /^@headcount\/(.*)@/.exec(from)
  const { dependencies = {} } = JSON.parse(await readFile(new URL(`${folder}/package.json`, PACKAGES), 'utf8'))
  return dependsOn.filter((other) => Object.hasOwn(dependencies, nameOf(other)))
}

function ref(name) {
  return npm.components.map((found) => found['bom-ref']).find((found) => nameOf(found) === name)
}

/** `@scope/name` of `@scope/name@1.0.0`. */
function nameOf(reference) {
  return reference.slice(0, reference.lastIndexOf('@'))
}

/** npm calls a package of a workspace by its folder, and says where it lies on this machine. */
function described(found) {
  const { properties: _, ...rest } = found
  return { ...rest, name: nameOf(found['bom-ref']) }
}
