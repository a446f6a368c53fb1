// The packed chart says what the plain manifests say that are handed out with it. What the objects are worth is judged in e2e/install-chart.test.mjs.

import assert from 'node:assert/strict'
import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'

import { artefact, ROOT, run } from './handed-out.mjs'

const HELM = join(ROOT, 'target/helm')

test('the packed chart renders the plain manifests', async (context) => {
  const manifests = await readFile(await artefact(/-kubernetes\.yaml$/), 'utf8')
  assert.equal(manifests, await readFile(join(ROOT, 'deploy/kubernetes/headcount.yaml'), 'utf8'))
  if (!await access(HELM).then(() => true, () => false)) return context.skip('Helm\'s library is not in target/helm, so no chart was packed')
  const chart = await artefact(/^headcount-[\d.]+\.tgz$/)
  assert.equal(await run(['python3', join(ROOT, 'deploy/helm/chart.py'), 'manifests', chart], { env: { ...process.env, PYTHONPATH: HELM } }), manifests)
})
