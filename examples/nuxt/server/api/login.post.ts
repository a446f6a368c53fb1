// A user who signs in as `admin` is an admin. A real app asks for a password.

export default defineEventHandler(async (event) => {
  const { name, email } = await readBody<{ name: string, email?: string }>(event)
  await setUserSession(event, { user: { name, role: name === 'admin' ? 'admin' : 'visitor', ...(email && { email }) } })
  return { ok: true }
})
