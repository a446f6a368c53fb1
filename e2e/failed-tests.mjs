// A reporter for `node --test`: a line for each test that failed, its file and its name with a tab between, the names of those that
// were left out, and at last how many passed. `cargo xtask test` repeats those that failed. Where a suite or a file failed outside its tests, the name is the file's: then all of it is repeated.

import { relative } from 'node:path'

export default async function* failedTests(source) {
  let passed = 0
  for await (const { type, data } of source) {
    const isTest = data?.details?.type !== 'suite'
    if (type === 'test:pass' && isTest) {
      if (data.skip === undefined) passed += 1
      else yield `# left out: ${data.name}\n`
    }
    // A suite fails with its tests, and a file with what is in it.
    if (type !== 'test:fail' || data.details.error?.failureType === 'subtestsFailed') continue
    const file = relative(process.cwd(), data.file ?? data.name)
    const isFile = !isTest || data.name.endsWith(file)
    yield `${file}\t${isFile ? file : data.name}\n`
  }
  yield `# ${passed} passed\n`
}
