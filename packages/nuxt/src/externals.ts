// One decision on `unctx` in the build of the server.
//
// Nuxt 4.5 leaves `unctx` outside the server's bundle where it is imported by name. Its own transform of async functions imports the same file by its
// path, which Vite takes into the bundle, and Vite 8.4 ends a build in which one file is both. So what is imported by path stays outside too.

const BY_PATH = /^(?:\/|[a-z]:[\\/]).*[\\/]unctx[\\/]dist[\\/]index\.mjs$/i

/** A plugin for Vite that leaves `unctx` outside however it is imported. */
export function unctxOutside() {
  return {
    name: 'headcount:unctx',
    enforce: 'pre' as const,
    apply: 'build' as const,
    applyToEnvironment: ({ name }: { readonly name: string }) => name === 'ssr',
    resolveId: (id: string) => BY_PATH.test(id) ? { id, external: 'absolute' as const } : undefined,
  }
}
