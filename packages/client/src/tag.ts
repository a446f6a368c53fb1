// The client as a script tag, without a build step:
//
// <script type="module" src="https://site.example/__skew/client.js" data-version="v42"></script>
//
// The base path is that of the script, unless `data-base` says otherwise. The client is `window.headcount`, also if an
// element has that id.

import { createHeadcount, type Headcount, type HeadcountOptions, type RefreshMode, type TransportName } from './index.js'

declare global {
  interface Window {
    /** The client of the script tag. */
    headcount?: Headcount
  }
}

/** An unknown value has no effect; a refresh of an unknown mode waits for its deadline. */
function optionsOf({ version, base, transport, refresh, deadlineMs, media = 'false', banner }: DOMStringMap): HeadcountOptions {
  return {
    base: base ?? new URL('.', import.meta.url),
    version,
    transport: transport as TransportName | undefined,
    refresh: (refresh || undefined) as RefreshMode | undefined,
    deadlineMs: +(deadlineMs as string), // Without one, NaN: the default.
    media: media !== 'false',
    banner: banner === 'false' ? false : undefined,
  }
}

const tag = [...document.scripts].find(({ src }) => src === import.meta.url)
window.headcount = createHeadcount(optionsOf(tag?.dataset ?? {}))
