// The Helm chart, as Helm itself renders it, and the plain manifests: each object is judged by the schema of its kind, they fit together, and a server
// starts with the arguments of the pod. There is no cluster here. docs-types.test.mjs holds the objects against the types of their kinds.

import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'

import { parseAllDocuments } from 'yaml'

import { EVERYTHING, helm, modelOf, objectsOf, plainManifests, render, WITHOUT_HELM } from './chart.mjs'
import { Broker } from './broker.mjs'
import { Server } from './harness.mjs'
import { ROOT } from './snippets.mjs'
import { until } from './wait.mjs'

const SECRET = 'the-secret-of-these-tests'
let folder, started = 0
before(async () => { folder = await mkdtemp(join(tmpdir(), 'headcount-chart-')) })
after(() => rm(folder, { recursive: true }))

describe('the chart', { skip: WITHOUT_HELM }, () => {
  test('Helm has nothing to say against it but that there is no icon', () => {
    const { messages } = JSON.parse(helm(['lint']))
    assert.deepEqual(messages.map(({ error }) => error), ['icon is recommended'])
  })

  test('what it renders by default is valid, and a server starts with it', async () => {
    const [{ rendered }] = render({})
    const objects = await judged(rendered)
    assert.deepEqual(kinds(objects), ['NetworkPolicy', 'Secret', 'Service', 'Service', 'StatefulSet'])
    fits(objects)
    assert.match(atob(find(objects, 'Secret').data['admin-secret']), /^[A-Za-z0-9]{48}$/)
    await starts(objects)
  })

  test('with everything turned on too', async () => {
    const [{ rendered }] = render(EVERYTHING)
    const objects = await judged(rendered)
    assert.deepEqual(kinds(objects), ['ConfigMap', 'Ingress', 'NetworkPolicy', 'PodDisruptionBudget', 'Service', 'Service', 'ServiceMonitor', 'StatefulSet'])
    fits(objects)
    const { spec } = find(objects, 'StatefulSet').spec.template
    assert.equal(spec.terminationGracePeriodSeconds, 65)
    assert.equal(find(objects, 'StatefulSet').spec.replicas, 3)
    assert.equal(find(objects, 'PodDisruptionBudget').spec.maxUnavailable, 1)
    assert.deepEqual(spec.topologySpreadConstraints.map(({ labelSelector }) => labelSelector), [find(objects, 'StatefulSet').spec.selector])
    for (const name of ['credentials', 'ca', 'certificate', 'key']) {
      assert.ok(spec.containers[0].args.includes(`--cluster-${name}=/run/secrets/headcount/cluster-${name}`), name)
    }
    assert.ok(spec.containers[0].args.includes('--cluster-replicas=3'))
    assert.equal(spec.containers[0].image, `images.example.com/headcount@sha256:${'0'.repeat(64)}`)
    assert.equal(find(objects, 'ConfigMap').data['headcount.toml'].trim(), EVERYTHING.config.trim())
    await starts(objects, EVERYTHING.config)
  })

  test('two pods with a broker have one secret, and two servers with it are a cluster', async () => {
    const broker = await Broker.start()
    const servers = []
    try {
      const [{ rendered }] = render({ replicas: 2, cluster: { broker: broker.url } })
      const objects = await judged(rendered)
      assert.deepEqual(kinds(objects), ['NetworkPolicy', 'PodDisruptionBudget', 'Secret', 'Service', 'Service', 'StatefulSet'])
      fits(objects)
      assert.match(atob(find(objects, 'Secret').data['cluster-secret']), /^[A-Za-z0-9]{48}$/)
      for (const name of ['pod-0', 'pod-1']) servers.push(await asPod(objects, '', ['--node-name', name]))
      const [admin] = servers.map(({ output }) => /admin API on (http:\S+)/.exec(output)[1])
      await until('both pods', async () => (await fetch(`${admin}/api/admin/nodes`, { headers: { authorization: `Bearer ${SECRET}-admin-secret-of-32-characters` } })).json(),
        ({ nodes }) => nodes?.map(({ name }) => name).join() === 'pod-0,pod-1')
    } finally {
      for (const server of servers) await server.stop()
      await broker.stop()
    }
  })

  test('without a volume nothing is kept', async () => {
    const [{ rendered }] = render({ persistence: { enabled: false } })
    const { spec } = find(await judged(rendered), 'StatefulSet')
    assert.ok(spec.template.spec.containers[0].args.includes('--ephemeral'))
    assert.equal(spec.volumeClaimTemplates, undefined)
  })

  test('values that mean nothing are refused, and so is a second secret without a first', () => {
    const cluster = { broker: 'nats://nats:4222' }
    const refused = render(
      { instances: 2 }, { ingress: { path: '/' } }, { secret: { bridge: true } }, { replicas: 2 }, { cluster: { credentials: true } }, { cluster: { ...cluster, credentials: true } },
      { cluster: { ...cluster, name: 'a.b' } }, { secret: { existingName: 'mine' }, cluster: { ...cluster, credentials: true, nkey: true } }, { cluster: { ...cluster, logReplicas: 6 } },
    )
    const errors = refused.map(({ error }) => error)
    assert.match(errors[0], /additional properties 'instances' not allowed/)
    assert.match(errors[1], /ingress\/path/)
    assert.match(errors[2], /need secret\.existingName/)
    assert.match(errors[3], /replicas above 1 need cluster\.broker/)
    assert.match(errors[4], /cluster\.credentials, nkey, ca and certificate need /)
    assert.match(errors[5], /need secret\.existingName/)
    assert.match(errors[6], /cluster\/name/)
    assert.match(errors[7], /two logins/)
    assert.match(errors[8], /cluster\/logReplicas/)
  })

  test('every value of values.yaml is in the schema, and the other way round', async () => {
    const values = parseAllDocuments(await readFile(`${ROOT}deploy/helm/headcount/values.yaml`, 'utf8'))[0].toJS()
    const schema = JSON.parse(await readFile(`${ROOT}deploy/helm/headcount/values.schema.json`, 'utf8'))
    assert.deepEqual(inSchema(schema).filter((name) => name !== 'global').sort(), inValues(values, schema).sort())
  })

  test('its versions are those of the workspace', async () => {
    const [{ version, appVersion }] = parseAllDocuments(await readFile(`${ROOT}deploy/helm/headcount/Chart.yaml`, 'utf8')).map((document) => document.toJS())
    const workspace = /^version = "(.*)"/m.exec(await readFile(`${ROOT}Cargo.toml`, 'utf8'))[1]
    assert.deepEqual([version, appVersion], [workspace, workspace])
  })

  test('the plain manifests are what it renders', async () => {
    assert.equal(await plainManifests(), helm(['manifests']), 'run `cargo xtask generate`')
  })
})

test('the plain manifests are valid, and a server starts with them', async () => {
  const objects = await judged({ all: await plainManifests() })
  assert.deepEqual(kinds(objects), ['Ingress', 'NetworkPolicy', 'Service', 'Service', 'StatefulSet'])
  fits(objects)
  await starts(objects)
})

/** The objects of these texts, each judged by the schema of its kind. */
async function judged(rendered) {
  const objects = objectsOf(rendered)
  for (const { apiVersion, kind, ...object } of objects) {
    const model = (await import(modelOf(apiVersion)))[kind]
    new model(object).validate()
  }
  return objects
}

/** That names and selectors lead to what there is. */
function fits(objects) {
  const { metadata, spec } = find(objects, 'StatefulSet')
  const { labels } = spec.template.metadata
  const [{ ports, volumeMounts }] = spec.template.spec.containers
  const matches = (selector) => Object.entries(selector).every(([name, value]) => labels[name] === value)
  assert.ok(matches(spec.selector.matchLabels))
  const services = objects.filter(({ kind }) => kind === 'Service')
  for (const service of services) {
    assert.ok(matches(service.spec.selector))
    for (const { targetPort } of service.spec.ports) assert.ok(ports.some(({ name }) => name === targetPort))
  }
  const [admin, tabs] = services.sort((one, other) => one.spec.ports[0].name.localeCompare(other.spec.ports[0].name))
  assert.deepEqual([admin.spec.type, admin.spec.ports[0].targetPort, tabs.spec.ports[0].targetPort], ['ClusterIP', 'admin', 'tabs'])
  assert.equal(spec.serviceName, tabs.metadata.name)
  const { podSelector, ingress } = find(objects, 'NetworkPolicy').spec
  assert.ok(matches(podSelector.matchLabels))
  assert.deepEqual(ingress.flatMap((rule) => rule.ports.map(({ port }) => port)), ['tabs', 'admin'])
  assert.ok(ingress[1].from.length > 0, 'nobody else reaches the admin port')
  const way = find(objects, 'Ingress')?.spec.rules[0].http.paths
  if (way) assert.deepEqual(way.map(({ path, backend }) => [path, backend.service]), [['/__skew/', { name: tabs.metadata.name, port: { name: 'tabs' } }]])
  const monitor = find(objects, 'ServiceMonitor')?.spec
  if (monitor) assert.deepEqual(Object.entries(monitor.selector.matchLabels).filter(([name, value]) => admin.metadata.labels[name] !== value), [])
  const volumes = [...spec.template.spec.volumes, ...(spec.volumeClaimTemplates ?? []).map((claim) => claim.metadata)].map(({ name }) => name)
  assert.deepEqual(volumeMounts.map(({ name }) => name).sort(), volumes.sort())
  assert.ok(metadata.name.length <= 56)
}

/** Starts a server as the pod would, below a folder in place of the root, and asks its probes. */
async function starts(objects, config = '') {
  const { containers: [{ ports, livenessProbe, readinessProbe }] } = find(objects, 'StatefulSet').spec.template.spec
  const server = await asPod(objects, config)
  try {
    const admin = /admin API on (http:\S+)/.exec(server.output)[1]
    for (const { httpGet } of [livenessProbe, readinessProbe]) {
      assert.ok(ports.some(({ name }) => name === httpGet.port))
      assert.equal((await fetch(admin + httpGet.path)).status, 200)
    }
    assert.equal((await fetch(`${admin}/metrics`)).status, 200)
  } finally {
    await server.stop()
  }
}

/** A server with the arguments of the pod, but for the files that only the owner of a broker can give. Where there is no broker it starts all the same. */
async function asPod(objects, config, more = []) {
  const { containers: [{ args, env = [] }] } = find(objects, 'StatefulSet').spec.template.spec
  for (const name of ['admin-secret', 'bridge-secret', 'session-password', 'cluster-secret']) await writeFile(join(folder, name), `${SECRET}-${name}-of-32-characters`)
  await writeFile(join(folder, 'headcount.toml'), config)
  const here = args.filter((argument) => !/^--cluster-(credentials|ca|certificate|key)=/.test(argument)).map((argument) => argument
    .replace('nats://nats:4222', 'nats://127.0.0.1:9')
    .replace(/0\.0\.0\.0:\d+/, '127.0.0.1:0').replace('/run/secrets/headcount', folder).replace('/etc/headcount', folder).replace('/var/lib/headcount', join(folder, `data-${started += 1}`)))
  const listen = here.find((argument) => argument.startsWith('--listen='))
  const variables = Object.fromEntries(env.map(({ name, value }) => [name, value]))
  return Server.run([...here.filter((argument) => argument !== listen), '--listen', '127.0.0.1:0', ...more], variables, SECRET)
}

function find(objects, kind) {
  return objects.find((object) => object.kind === kind)
}

function kinds(objects) {
  return objects.map(({ kind }) => kind).sort()
}

/** Paths of the values that the schema describes. */
function inSchema({ properties }, above = '') {
  return Object.entries(properties).flatMap(([name, value]) => value.properties ? inSchema(value, `${above}${name}.`) : [above + name])
}

/** Paths of the values, as deep as the schema goes. */
function inValues(values, { properties }, above = '') {
  return Object.entries(values).flatMap(([name, value]) => properties[name]?.properties ? inValues(value, properties[name], `${above}${name}.`) : [above + name])
}
