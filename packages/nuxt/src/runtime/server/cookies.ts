// Which of a browser's cookies an answer of the app takes back.

/** A `cookie` header, by names. */
export function readCookies(header: string | undefined): Map<string, string> {
  const found = new Map<string, string>()
  for (const pair of (header ?? '').split(';')) {
    const at = pair.indexOf('=')
    if (at > 0) found.set(pair.slice(0, at).trim(), pair.slice(at + 1).trim())
  }
  return found
}

/** What became of a cookie that a browser showed. */
export interface Changed {
  /** As it was shown, `name=value`. */
  readonly pair: string
  readonly isDeleted: boolean
}

/** The cookies of a request that the `set-cookie` headers of its answer delete or replace. */
export function changedCookies(shown: string | undefined, set: readonly string[], now: number): Changed[] {
  const cookies = readCookies(shown)
  return set.flatMap((line) => {
    const [first = '', ...attributes] = line.split(';')
    const at = first.indexOf('=')
    const name = first.slice(0, at).trim()
    const value = first.slice(at + 1).trim()
    const before = cookies.get(name)
    const isDeleted = value === '' || attributes.some((attribute) => expires(attribute.trim(), now))
    return before === undefined || (before === value && !isDeleted) ? [] : [{ pair: `${name}=${before}`, isDeleted }]
  })
}

function expires(attribute: string, now: number): boolean {
  const [name = '', value = ''] = attribute.split('=')
  if (/^max-age$/i.test(name)) return Number(value) <= 0
  return /^expires$/i.test(name) && Date.parse(value) <= now
}
