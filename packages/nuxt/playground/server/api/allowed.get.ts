export default defineEventHandler(() => ({ allowed: true }))
