// What a browser is told of the module's options.

import type { HeadcountOptions } from '@headcount/client'

/** `runtimeConfig.public.skewProtection`. */
export interface PublicConfig {
  /** URL or path of headcount's client endpoints. Empty: `path` below the app's base URL. */
  readonly base: string
  readonly path: string
  readonly transport: NonNullable<HeadcountOptions['transport']>
  readonly refresh: NonNullable<HeadcountOptions['refresh']>
  readonly deadlineMs: number
  readonly banner: NonNullable<HeadcountOptions['banner']>
  readonly connectionTracking: boolean
  readonly routeTracking: boolean
  readonly statsForMessages: boolean
}

/** A path below the app's base URL, which may be set when a built app starts. */
export function below({ baseURL }: { readonly baseURL: string }, path: string): string {
  return baseURL.replace(/\/$/, '') + path
}
