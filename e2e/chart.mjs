// The Helm chart, rendered by Helm's own library (deploy/helm/chart.py), and what its objects are judged by.

import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'

import { parseAllDocuments } from 'yaml'

import { ROOT } from './snippets.mjs'

const HELM = `${ROOT}target/helm`
/** Why tests of the chart are left out here; `false` where they are not. */
export const WITHOUT_HELM = existsSync(HELM) ? false : "Helm's library is not in target/helm: `cargo xtask generate` installs it where it can"
/** Values that turn everything on. */
export const EVERYTHING = {
  image: { repository: 'images.example.com/headcount', digest: `sha256:${'0'.repeat(64)}` },
  imagePullSecrets: [{ name: 'pull' }],
  fullnameOverride: 'tabs',
  secret: { existingName: 'mine', bridge: true, sessionPassword: true },
  replicas: 3,
  cluster: { broker: 'nats://nats:4222', name: 'shop', credentials: true, ca: true, certificate: true, logReplicas: 3 },
  config: 'trusted_proxies = ["10.0.0.0/8"]\n\n[limits]\ntick_ms = 200\n',
  limits: { drain_ms: 45_000, reconnect_spread_ms: 20_000 },
  extraArgs: ['--release=v1'],
  extraEnv: [{ name: 'HEADCOUNT_LOG', value: 'debug' }],
  persistence: { size: '1Gi', storageClass: 'fast' },
  service: { type: 'LoadBalancer', port: 80, annotations: { a: 'b' } },
  adminService: { port: 81, annotations: { a: 'b' } },
  ingress: { enabled: true, className: 'nginx', host: 'shop.example.com', annotations: { a: 'b' }, tls: [{ hosts: ['shop.example.com'], secretName: 'tls' }] },
  networkPolicy: { from: [{ namespaceSelector: { matchLabels: { name: 'ingress' } } }] },
  podDisruptionBudget: { enabled: true },
  serviceMonitor: { enabled: true, labels: { release: 'prometheus' } },
  podAnnotations: { a: 'b' },
  podLabels: { team: 'shop' },
  nodeSelector: { disk: 'ssd' },
  tolerations: [{ key: 'a', operator: 'Exists' }],
  affinity: { nodeAffinity: {} },
  priorityClassName: 'high',
}

/** Runs `chart.py`. @param {string[]} args */
export function helm(args, input = '') {
  return execFileSync('python3', [`${ROOT}deploy/helm/chart.py`, ...args], { input, encoding: 'utf8', env: { ...process.env, PYTHONPATH: HELM } })
}

/** What each of these values renders: texts by the names of templates, or an error. @returns {{ rendered?: Record<string, string>, error?: string }[]} */
export function render(...values) {
  return JSON.parse(helm(['render'], JSON.stringify(values)))
}

export function plainManifests() {
  return readFile(`${ROOT}deploy/kubernetes/headcount.yaml`, 'utf8')
}

/** The objects in these texts. @param {Record<string, string>} rendered */
export function objectsOf(rendered) {
  const texts = Object.entries(rendered).filter(([name]) => name !== 'NOTES').map(([, text]) => text)
  const documents = texts.flatMap((text) => parseAllDocuments(text)).filter(({ contents }) => contents !== null)
  const errors = documents.flatMap((document) => document.errors)
  if (errors.length > 0) throw new AggregateError(errors, 'the YAML cannot be read')
  return documents.map((document) => document.toJS())
}

/** The module with the schemas and types of these objects. */
export function modelOf(apiVersion) {
  return apiVersion.startsWith('monitoring.coreos.com') ? `@kubernetes-models/prometheus-operator/${apiVersion}` : `kubernetes-models/${apiVersion}`
}
