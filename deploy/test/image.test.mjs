// The image: its layout is judged by the schemas of the OCI and by its digests, and unpacked into an empty root, where the binary runs as the image says.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'

import { Server } from '../../e2e/harness.mjs'
import { artefact, emptyFolder, has, ROOT, run } from './handed-out.mjs'

/** Where Debian's package of the specification has its schemas. */
const SCHEMAS = '/usr/share/gocode/src/github.com/opencontainers/image-spec/schema'
const SECRET = 'f3d2b1908e7c6a5544332211'

test('every blob has the digest and the size that is said of it, and each document is valid', async (context) => {
  const image = await Image.open(context)
  const { config, layers } = image.manifest
  const named = [image.index.manifests[0], config, ...layers]
  for (const { digest, size } of named) {
    const blob = await readFile(image.blob(digest))
    assert.equal(`sha256:${createHash('sha256').update(blob).digest('hex')}`, digest)
    assert.equal(blob.length, size)
  }
  assert.deepEqual((await readdir(join(image.layout, 'blobs/sha256'))).sort(), named.map(({ digest }) => digest.replace('sha256:', '')).sort())
  const schemas = await validators()
  if (schemas === null) return context.diagnostic('there are no schemas of the OCI here (golang-github-opencontainers-image-spec-dev)')
  for (const [name, document] of Object.entries({ 'image-index': image.index, 'image-manifest': image.manifest, config: image.config, 'image-layout': image.version })) {
    const valid = schemas[name]
    assert.ok(valid(document), `${name}: ${JSON.stringify(valid.errors)}`)
  }
  assert.ok(!schemas.config({ ...image.config, os: 7 }), 'the schemas refuse what is wrong')
})

test('it says whom it runs as, what it listens on, where its data is and what it is', async (context) => {
  const { config: { config, architecture, os, rootfs } } = await Image.open(context)
  assert.equal(os, 'linux')
  assert.match(architecture, /^(amd64|arm64)$/)
  assert.equal(rootfs.diff_ids.length, 1)
  const { Labels: labels, ...rest } = config
  assert.deepEqual(rest, {
    User: '65532:65532', ExposedPorts: { '4477/tcp': {} }, Env: ['HEADCOUNT_LISTEN=0.0.0.0:4477', 'HEADCOUNT_DATA_DIR=/var/lib/headcount'],
    Entrypoint: ['/usr/bin/headcount'], Cmd: ['serve'], Volumes: { '/var/lib/headcount': {} }, StopSignal: 'SIGTERM',
  })
  for (const label of ['title', 'description', 'source', 'licenses', 'version', 'revision', 'created']) assert.ok(labels[`org.opencontainers.image.${label}`], label)
})

test('in its own root it serves as its user, writes nothing but its data, and finds that again', async (context) => {
  if (process.getuid() !== 0) return context.skip('this is not root, so nothing can be unpacked with owners, or run in another root')
  if (!await has('umoci')) return context.skip('there is no umoci')
  const { layout, config: { config } } = await Image.open(context)
  const bundle = join(await emptyFolder(context), 'bundle')
  const [{ annotations }] = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')).manifests
  await run(['umoci', 'unpack', '--image', `${layout}:${annotations['org.opencontainers.image.ref.name']}`, bundle])
  const root = join(bundle, 'rootfs')
  assert.equal((await stat(join(root, 'var/lib/headcount'))).uid, 65532)
  await assert.rejects(stat(join(root, 'bin/sh')), 'there is no shell')
  const program = ['chroot', `--userspec=${config.User}`, root, ...config.Entrypoint]
  const environment = { ...Object.fromEntries(config.Env.map((pair) => pair.split('='))), HEADCOUNT_ADMIN_SECRET: SECRET }
  const releases = []
  for (const release of ['v1', 'v2']) {
    const server = await Server.run(config.Cmd, environment, SECRET, program)
    try {
      assert.equal((await fetch(`${server.url}/readyz`)).status, 200)
      await run([...program, 'release', release, '--url', server.url], { env: { PATH: process.env.PATH, HEADCOUNT_ADMIN_SECRET: SECRET } })
      releases.push(await run([...program, 'releases', '--url', server.url], { env: { PATH: process.env.PATH, HEADCOUNT_ADMIN_SECRET: SECRET } }))
    } finally {
      await server.stop()
    }
  }
  assert.match(releases[0], /^v1 .*current$/m)
  assert.match(releases[1], /^v2 .*current$/m)
  assert.match(releases[1], /^v1 /m, 'the store of the first run is there')
})

class Image {
  static async open(context) {
    const image = new Image()
    image.layout = await emptyFolder(context)
    await run(['tar', '--extract', '--file', await artefact(/\.oci\.tar$/), '--directory', image.layout])
    const read = async (path) => JSON.parse(await readFile(path, 'utf8'))
    image.version = await read(join(image.layout, 'oci-layout'))
    image.index = await read(join(image.layout, 'index.json'))
    image.manifest = await read(image.blob(image.index.manifests[0].digest))
    image.config = await read(image.blob(image.manifest.config.digest))
    return image
  }

  blob(digest) {
    return join(this.layout, 'blobs', digest.replace(':', '/'))
  }
}

/** What judges a document, by the names of the schemas; `null` where those are not here. */
async function validators() {
  const files = (await readdir(SCHEMAS).catch(() => [])).filter((name) => name.endsWith('.json'))
  if (files.length === 0) return null
  const require = createRequire(join(ROOT, 'e2e/package.json'))
  const ajv = new (require('ajv-draft-04').default)({ strict: false })
  require('ajv-formats').default(ajv)
  // Their ids are not the names by which they refer to each other, and that of their language is not its id.
  const isName = (key, value) => ['id', '$schema'].includes(key) && typeof value === 'string'
  for (const file of files) ajv.addSchema(JSON.parse(await readFile(join(SCHEMAS, file), 'utf8'), (key, value) => isName(key, value) ? undefined : value), `oci:/${file}`)
  return Object.fromEntries(['image-index', 'image-manifest', 'config', 'image-layout'].map((name) => [name, ajv.getSchema(`oci:/${name}-schema.json`)]))
}
