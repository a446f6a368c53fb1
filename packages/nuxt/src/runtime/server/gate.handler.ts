// headcount's client endpoints on the site's own origin.

import { defineEventHandler } from 'h3'
import { useRuntimeConfig } from 'nitropack/runtime'

import { isHandshake, pipe, refuse } from './gate.js'
import { gateOf } from './site.js'

export default defineEventHandler(({ node: { req, res } }) => new Promise<void>((resolve) => {
  res.on('close', resolve)
  const gate = gateOf(useRuntimeConfig())
  const path = (req as { originalUrl?: string }).originalUrl
  // A handshake that comes here came before this server's gate was in place.
  if (isHandshake(gate, req, path)) refuse(res)
  else pipe(gate, req, res, path)
}))
