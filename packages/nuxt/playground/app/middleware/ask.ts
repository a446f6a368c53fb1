// A guard that asks the server first, as one for signed-in visitors does.
export default defineNuxtRouteMiddleware(async () => {
  if (import.meta.client) await $fetch('/api/allowed')
})
