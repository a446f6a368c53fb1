import { minify, type MinifyOptions } from 'terser'
import { defineConfig, type Rolldown, type UserConfig } from 'tsdown'

import { PRIVATE_NAMES } from './private-names.js'

const options: MinifyOptions = {
  module: true,
  ecma: 2020,
  sourceMap: true,
  compress: { passes: 4, unsafe_arrows: true, unsafe_methods: true, pure_getters: true },
  mangle: { properties: { builtins: true, regex: new RegExp(`^(${PRIVATE_NAMES.join('|')})$`) } },
}

/** Before the bundler's own minifier: each finds what the other does not, and only terser shortens names of properties. */
const shorten: Rolldown.Plugin = {
  name: 'shorten',
  async renderChunk(code, { fileName }) {
    if (!fileName.endsWith('.js')) return null
    const { code: shortened = code, map } = await minify(code, options)
    return { code: shortened, map: map as string }
  },
}

const browser: UserConfig = {
  platform: 'browser', target: 'es2022', format: 'esm', dts: true, sourcemap: true, fixedExtension: false, logLevel: 'warn',
  minify: true, plugins: [shorten],
}

/** The module for bundlers, and the one for the script tag, alone. */
export default defineConfig([
  { ...browser, entry: { index: 'src/index.ts' } },
  { ...browser, entry: { client: 'src/tag.ts' }, clean: false },
])
