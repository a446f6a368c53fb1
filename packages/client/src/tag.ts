// The client as a script tag, without a build step:
//
// <script type="module" src="https://site.example/__skew/client.js" data-version="v42"></script>
//
// The base path is where the script came from, unless `data-base` says otherwise. The client is `window.headcount`, whatever
// else has that name, such as an element with that id.

import { createHeadcount, type Headcount, type HeadcountOptions, type RefreshMode } from './index.js'

declare global {
  interface Window {
    /** The client of the script tag. */
    headcount?: Headcount
  }
}

/** A value that is none of those known has no effect; a refresh of an unknown mode waits for its deadline. */
function optionsOf({ version, base, transport, refresh, deadlineMs, media, banner }: DOMStringMap): HeadcountOptions {
  return {
    base: base ?? new URL('.', import.meta.url),
    transport: transport === 'sse' || transport === 'websocket' ? transport : 'auto',
    ...(refresh && { refresh: refresh as RefreshMode }),
    media: media !== undefined && media !== 'false',
    ...(version && { version }),
    ...(Number(deadlineMs) >= 0 && { deadlineMs: Number(deadlineMs) }),
    ...(banner === 'false' && { banner: false }),
  }
}

const tag = [...document.scripts].find(({ src }) => src === import.meta.url)
window.headcount = createHeadcount(optionsOf(tag?.dataset ?? {}))
