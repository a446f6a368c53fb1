export default defineNuxtConfig({
  modules: ['nuxt-auth-utils', '@headcount/nuxt'],
  compatibilityDate: '2026-01-01',
  skewProtection: {
    connectionTracking: true,
    routeTracking: true,
    ipTracking: true,
  },
  telemetry: false,
})
