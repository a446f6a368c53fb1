export default defineNuxtConfig({
  modules: ['../src/module', '@nuxtjs/robots'],
  compatibilityDate: '2026-01-01',
  skewProtection: { connectionTracking: true, routeTracking: true },
  routeRules: { '/browser': { ssr: false } },
  telemetry: false,
})
