// Server-sent events: what the browser has for them, or, outside Chromium, the same by `fetch`.
//
// Firefox and WebKit end an `EventSource` without an event, and leave it open in name, when a navigation begins that leads to no page: a link to a
// file that is saved, an answer 204. WebKit does so when its user stops the page, too. A `fetch` fails then, so the tab comes back at once. In Chromium the
// browser's own goes on and is used: scripts that watch a site wrap `fetch`, and some keep a copy of all that it reads.

/** What the transport uses of an `EventSource`. */
export type Source = Pick<EventSource, 'close' | 'onerror' | 'onmessage'>

/** Opens `url` with the page's cookies. */
export function openSource(url: URL): Source {
  return navigator.vendor.startsWith('Google') ? new EventSource(url, { withCredentials: true }) : fetched(url)
}

/** One that ends with its first error, and is not opened again. */
function fetched(url: URL): Source {
  const abort = new AbortController()
  const source = { onmessage: null, onerror: null, close() { abort.abort() } } as Source
  const over = (): void => {
    abort.abort()
    source.onerror?.call(source as EventSource, new Event('error'))
  }
  read(url, abort.signal, (data) => { source.onmessage?.call(source as EventSource, new MessageEvent('message', { data })) }).then(over, over)
  return source
}

/** Ends with the stream. Of each event only the data is read; a server of ours gives no other names. */
async function read(url: URL, signal: AbortSignal, heard: (data: string) => void): Promise<void> {
  const { ok, headers, body } = await fetch(url, { credentials: 'include', cache: 'no-store', headers: { accept: 'text/event-stream' }, signal })
  if (!ok || !body || !headers.get('content-type')?.startsWith('text/event-stream')) return
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const events = (rest + decoder.decode(value, { stream: true })).split('\n\n')
    rest = events.pop() ?? ''
    for (const event of events) {
      const data = event.split('\n').flatMap((line) => /^data: ?(.*)/.exec(line)?.[1] ?? [])
      if (data.length > 0) heard(data.join('\n'))
    }
  }
}
