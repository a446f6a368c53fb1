// A reporter for `node --test`: one line for each test that failed, its file and its names from the outermost, with tabs between. `cargo xtask test` repeats those.

import { relative } from 'node:path'

export default async function* failedTests(source) {
  const names = []
  for await (const { type, data } of source) {
    if (type === 'test:start') names.splice(data.nesting, Infinity, data.name)
    // A suite fails with its tests, and a file with what is in it.
    if (type !== 'test:fail' || data.details.error?.failureType === 'subtestsFailed') continue
    const named = [...names.slice(0, data.nesting), data.name]
    yield `${[relative(process.cwd(), data.file ?? ''), ...named].join('\t')}\n`
  }
}
