// The real binary, twice: one shows its counts to anyone, the other to no one.

import { Server } from '../../../e2e/harness.mjs'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where the servers listen, and what opens their admin API. */
    open: string
    shut: string
    secret: string
  }
}

const secret = 'the-secret-of-these-tests'

/** Starts them before the tests; what it returns stops them. */
export default async function servers(project: TestProject): Promise<() => Promise<unknown>> {
  const variables = { HEADCOUNT_ADMIN_SECRET: secret }
  const started = await Promise.all([
    Server.run(['serve', '--ephemeral', '--release', 'v1', '--authorize', 'anyone'], variables),
    Server.run(['serve', '--ephemeral'], variables),
  ])
  const [open, shut] = started.map(({ url }) => url)
  project.provide('secret', secret)
  project.provide('open', open ?? '')
  project.provide('shut', shut ?? '')
  return () => Promise.all(started.map((server) => server.stop()))
}
