export default defineNuxtConfig({
  modules: ['nuxt-auth-utils', '@headcount/nuxt'],
  compatibilityDate: '2026-01-01',
  skewProtection: {
    connectionTracking: true,
    routeTracking: true,
    ipTracking: true,
  },
  // Who may be signed in, for the types of both sides.
  nitro: { typescript: { tsConfig: { include: ['../session.d.ts'] } } },
  telemetry: false,
})
