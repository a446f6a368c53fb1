import { expect, test } from 'vitest'

test('can be imported where there is no browser, as servers that render pages do', async () => {
  expect(typeof window).toBe('undefined')
  expect(Object.keys(await import('../src/index.js'))).toEqual(['createHeadcount'])
})
