// Where headcount is, and the secrets that its admin API and the bridge take.
//
// Runtime configuration, so that one build runs everywhere. `HEADCOUNT_URL` and `HEADCOUNT_ADMIN_SECRET` are the names
// that headcount itself and its command line know; `NUXT_HEADCOUNT_…` are those of Nuxt.

/** A headcount that can be reached. */
export interface Upstream {
  /** Its origin. */
  readonly url: URL
  /** The origin of its admin API, which may have another address. */
  readonly adminUrl: URL
  /** Where the admin API is on it. Default `/api/admin`. */
  readonly adminPath: string
  readonly secret: string
  /** The secret of the bridge, where headcount has one for it. Default: `secret`. */
  readonly bridgeSecret?: string
}

/** `runtimeConfig.headcount`. */
export interface UpstreamConfig {
  readonly url: string
  readonly adminUrl: string
  readonly adminPath: string
  readonly secret: string
  readonly bridgeSecret?: string
}

/** The one that is configured; `null` where none is. Throws what is wrong with it. */
export function configuredUpstream(config: UpstreamConfig, variables: Readonly<Record<string, string | undefined>>): Upstream | null {
  const url = variables['HEADCOUNT_URL'] || config.url
  if (!url) return null
  return {
    url: parsed('HEADCOUNT_URL', url),
    adminUrl: parsed('NUXT_HEADCOUNT_ADMIN_URL', config.adminUrl || url),
    adminPath: config.adminPath,
    secret: carried('HEADCOUNT_ADMIN_SECRET', variables['HEADCOUNT_ADMIN_SECRET'] || config.secret),
    bridgeSecret: carried('HEADCOUNT_BRIDGE_SECRET', variables['HEADCOUNT_BRIDGE_SECRET'] || config.bridgeSecret || ''),
  }
}

/** A secret that was read from a file often ends with a line break, which no header can carry. */
function carried(name: string, secret: string): string {
  const carried = secret.trim()
  if (!/^[\x20-\x7e]*$/.test(carried)) throw new Error(`${name} has a character that no header can carry: keep to printable ASCII`)
  return carried
}

function parsed(name: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new Error(`${name} is "${text}": write a URL such as http://127.0.0.1:4477`)
  }
  return url
}
