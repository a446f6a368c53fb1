// Takes every order and keeps none.

export default defineEventHandler(async (event) => {
  const { address } = await readBody<{ address: string }>(event)
  if (!address) throw createError({ statusCode: 400, statusMessage: 'Where to?' })
  return { ok: true }
})
