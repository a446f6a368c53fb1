// The least a page has to do: connect, say which build and which page it is, and reload once when it is told to.
(() => {
  const { version, headcount } = document.documentElement.dataset
  const badge = document.querySelector('#tab')
  let transport = 'ws', socket, source, connectionId, failures = 0, closing = false, state, timer

  const route = () => location.pathname
  const query = () => `?route=${encodeURIComponent(route())}&v=${encodeURIComponent(version)}`
  const show = (now = state) => { state = now; badge.textContent = `${version} · ${route()} · ${state}` }

  function receive(text) {
    const message = JSON.parse(text)
    dispatchEvent(new CustomEvent('headcount:message', { detail: message }))
    if (message.type === 'connected') {
      connectionId = message.connectionId
      failures = 0
      show(transport)
    }
    if (message.type === 'version' && message.force) reloadOnce(message.id)
    else if (message.type === 'version' && message.version !== version) show(`${message.version} is out`)
  }

  // The same command never reloads a tab twice, whatever the network repeats.
  function reloadOnce(id) {
    if (id !== undefined && sessionStorage.getItem('headcount:reloaded') === String(id)) return
    if (id !== undefined) sessionStorage.setItem('headcount:reloaded', id)
    location.reload()
  }

  function connect() {
    clearTimeout(timer)
    connectionId = undefined
    show('connecting')
    if (transport === 'ws') {
      socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}${headcount}/ws${query()}`)
      socket.onmessage = event => receive(event.data)
      socket.onclose = lost
    } else {
      source = new EventSource(`${headcount}/sse${query()}`)
      source.onmessage = event => receive(event.data)
      source.onerror = () => { source.close(); lost() }
    }
  }

  // Full jitter, capped: everyone lost the server at the same moment, and must not come back at the same moment.
  function lost() {
    if (closing) return
    failures += 1
    if (failures === 2 && transport === 'ws') transport = 'sse'
    show('offline')
    timer = setTimeout(connect, Math.random() * Math.min(30_000, 1_000 * 2 ** failures))
  }

  function send(message) {
    if (transport === 'ws') { if (socket.readyState === 1) socket.send(JSON.stringify(message)); return }
    if (!connectionId) return
    const [endpoint, body] = message.type === 'route-update' ? ['route', { route: message.route }] : ['subscribe-stats', {}]
    const request = { method: 'POST', headers: { 'Content-Type': 'application/json' } }
    fetch(`${headcount}/${endpoint}`, { ...request, body: JSON.stringify({ connectionId, ...body }) }).catch(() => {})
  }

  const moved = () => { show(); send({ type: 'route-update', route: route() }) }
  addEventListener('headcount:route', moved)
  addEventListener('popstate', moved)
  addEventListener('headcount:send', event => send(event.detail))
  addEventListener('pagehide', () => { closing = true; clearTimeout(timer); socket?.close(); source?.close() })
  addEventListener('pageshow', event => { if (event.persisted) { closing = false; connect() } })
  connect()
})()
