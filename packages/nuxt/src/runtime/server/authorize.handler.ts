// Runs the app's `skew:authorize-stats` hooks on a request that this process made itself; see `authorize.ts`.

import { createError, defineEventHandler } from 'h3'
import { useNitroApp } from 'nitropack/runtime'

import { isOwn } from './authorize.js'

export default defineEventHandler(async (event) => {
  if (!isOwn(event.node.req.headers)) throw createError({ statusCode: 404 })
  let admitted = false
  await useNitroApp().hooks.callHook('skew:authorize-stats', { event, authorize: () => { admitted = true } })
  return { admitted }
})
