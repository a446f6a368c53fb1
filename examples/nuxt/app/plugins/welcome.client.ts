// The other end of `send()` in server/plugins/custom-tracking.ts.

export default defineNuxtPlugin((nuxtApp) => {
  const welcomedAt = useWelcomedAt()
  nuxtApp.hooks.hook('skew:message', (message) => {
    if (message.type === 'welcome') welcomedAt.value = Number(message.serverTime)
  })
})
