import { defineConfig } from 'tsdown'

const browser = { platform: 'browser', target: 'es2022', format: 'esm', dts: true, sourcemap: true, fixedExtension: false, logLevel: 'warn' } as const

/** The module for bundlers, as it is; and the one for the script tag, alone and small. */
export default defineConfig([
  { ...browser, entry: { index: 'src/index.ts' } },
  { ...browser, entry: { client: 'src/tag.ts' }, minify: true, clean: false },
])
