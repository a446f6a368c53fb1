import { minify, type MinifyOptions } from 'terser'
import { defineConfig, type Rolldown, type UserConfig } from 'tsdown'

const options: MinifyOptions = {
  module: true, ecma: 2020, sourceMap: true, compress: { passes: 4, unsafe_arrows: true, unsafe_methods: true, pure_getters: true, inline: 1 },
}

/** Before the bundler's own minifier: each finds what the other does not. */
const shorten: Rolldown.Plugin = {
  name: 'shorten',
  async renderChunk(code, { fileName }) {
    if (!fileName.endsWith('.js')) return null
    const { code: shortened = code, map } = await minify(code, options)
    return { code: shortened, map: map as string }
  },
}

/**
 * Parts that are loaded when needed lie in `folder`. The hash is of their content: a page gets what it was built with or nothing.
 * Only the refresh has a name that stays, with the number of what it needs and gives: see `src/refreshing.ts`.
 */
function browser(folder: string): UserConfig {
  return {
    platform: 'browser', target: 'es2022', format: 'esm', dts: true, sourcemap: true, fixedExtension: false, logLevel: 'warn',
    minify: true, plugins: [shorten], outputOptions: { chunkFileNames: ({ name }) => `${folder}${name === 'refreshing' && folder ? 'refreshing.1' : '[name]-[hash]'}.js` },
  }
}

/** The module for bundlers, and the one for the script tag. */
export default defineConfig([
  { ...browser(''), entry: { index: 'src/index.ts' } },
  // Its map is named by a header of the server instead of in the file: see `SourceMap` in `endpoints/files.rs`.
  { ...browser('client/'), entry: { client: 'src/tag.ts' }, clean: false, sourcemap: 'hidden' },
])
