import { defineConfig } from 'tsdown'

/** Vue and the client stay imports: an application has one of each. */
export default defineConfig({
  entry: { index: 'src/index.ts' }, platform: 'neutral', target: 'es2022', format: 'esm', dts: true, sourcemap: true, fixedExtension: false, logLevel: 'warn',
})
