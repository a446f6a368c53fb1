// Announcing this build to headcount when it starts serving.
//
// While a site is rolled out, instances of the old and of the new build start and restart side by side. So an instance
// never announces a build that headcount knows already: an old instance that restarts changes nothing. By default it
// does not announce a build older than the last announcement either: a late instance must not send all tabs back. To go
// back, use `headcount release <buildId>`.

import type { ReleaseEntry, ReleasesAnswer } from '../openapi.js'
import type { Admin } from './admin.js'

const RETURN_MS_MIN = 250
const RETURN_MS_MAX = 10_000

/** A build of the app. */
export interface Build {
  readonly id: string
  /** When it was built, milliseconds since the Unix epoch. */
  readonly builtAt: number
}

/** What this reads of the answer to `GET releases`. */
export type Releases = Pick<ReleasesAnswer, 'current'> & { readonly releases: readonly Pick<ReleaseEntry, 'version' | 'announcedAt'>[] }

/** What becomes of a build that starts. */
export type Judgement = 'announce' | 'known' | 'older'

/** Whether a build is announced, going by what headcount has heard of. */
export function judge(build: Build, { releases }: Releases, rule: 'newer' | 'unknown'): Judgement {
  if (releases.some(({ version }) => version === build.id)) return 'known'
  const last = releases.at(-1)
  return rule === 'newer' && last !== undefined && last.announcedAt > build.builtAt ? 'older' : 'announce'
}

/** Announces a build if it must be announced, and retries until headcount answers. The returned function stops that. */
export function announce(admin: Admin, build: Build, rule: 'newer' | 'unknown', say: (text: string) => void): () => void {
  let failures = 0
  let again: NodeJS.Timeout | undefined
  let isStopped = false

  async function attempt(): Promise<void> {
    const releases = await admin.get('/releases') as Releases
    const judgement = judge(build, releases, rule)
    if (judgement === 'announce') await admin.post('/releases', { version: build.id })
    if (judgement === 'older') {
      say(`build ${build.id} was not announced: ${releases.current} was, after this one was built. If this one is to be current: headcount release ${build.id}`)
    }
  }

  function start(): void {
    attempt().catch((error: Error) => {
      if (isStopped) return
      failures += 1
      if (failures === 3) say(`build ${build.id} is not announced yet: ${error.message}`)
      again = setTimeout(start, RETURN_MS_MIN + Math.random() * Math.min(RETURN_MS_MAX, RETURN_MS_MIN * 2 ** failures))
      again.unref()
    })
  }

  start()
  return () => {
    isStopped = true
    clearTimeout(again)
  }
}
