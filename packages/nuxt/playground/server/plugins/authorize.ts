// Anyone may see the counts: a playground is for the machine it runs on.
export default defineNitroPlugin((nitroApp) => {
  nitroApp.hooks.hook('skew:authorize-stats', ({ authorize }) => { authorize() })
})
