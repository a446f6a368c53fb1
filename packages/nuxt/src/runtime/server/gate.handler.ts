// headcount's client endpoints on the site's own origin.

import { defineEventHandler } from 'h3'
import { useRuntimeConfig } from 'nitropack/runtime'

import { pipe, refuse } from './gate.js'
import { gateOf } from './site.js'

export default defineEventHandler(({ node: { req, res } }) => new Promise<void>((resolve) => {
  res.on('close', resolve)
  // An upgrade that comes here came before this server's gate was in place.
  if (req.headers.upgrade?.toLowerCase() === 'websocket') refuse(res)
  else pipe(gateOf(useRuntimeConfig()), req, res, (req as { originalUrl?: string }).originalUrl)
}))
