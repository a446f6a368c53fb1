// What a browser is told of the module's options.

import type { HeadcountOptions } from '@headcount/client'

/** `runtimeConfig.public.skewProtection`. */
export interface PublicConfig {
  /** URL or path of headcount's client endpoints. */
  readonly base: string
  readonly transport: NonNullable<HeadcountOptions['transport']>
  readonly refresh: NonNullable<HeadcountOptions['refresh']>
  readonly deadlineMs: number
  readonly banner: NonNullable<HeadcountOptions['banner']>
  readonly connectionTracking: boolean
  readonly routeTracking: boolean
  readonly statsForMessages: boolean
}
