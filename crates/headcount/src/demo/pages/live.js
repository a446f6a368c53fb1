// Draws what `stats` messages say: totals, bars, and the list of connections.
(() => {
  const element = id => document.querySelector(`#${id}`)
  const node = (name, text, className) => Object.assign(document.createElement(name), { textContent: text, className: className ?? '' })

  function bars(into, counts, total) {
    const rows = Object.entries(counts).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, 20)
    into.replaceChildren(...rows.map(([name, tabs]) => {
      const row = node('div', '', 'bar')
      const fill = node('i', '')
      fill.style.width = `${100 * tabs / Math.max(1, total)}%`
      row.append(fill, node('span', name), node('b', tabs.toLocaleString('en')))
      return row
    }))
  }

  function draw({ total, versions, routes, connections, connectionsTruncated, yourId }) {
    element('total').textContent = total.toLocaleString('en')
    element('noun').textContent = total === 1 ? 'tab' : 'tabs'
    bars(element('versions'), versions, total)
    bars(element('routes'), routes, total)
    element('truncated').hidden = !connectionsTruncated
    const mine = connections.filter(({ id }) => id === yourId), others = connections.filter(({ id }) => id !== yourId)
    element('connections').replaceChildren(...[...mine, ...others].map(({ id, version, route }) => {
      const row = document.createElement('tr')
      row.append(node('td', route ?? '–'), node('td', version), node('td', id === yourId ? `${id} (you)` : id))
      return row
    }))
  }

  addEventListener('headcount:message', ({ detail }) => {
    if (detail.type === 'connected') dispatchEvent(new CustomEvent('headcount:send', { detail: { type: 'subscribe-stats' } }))
    if (detail.type === 'stats') draw(detail)
    element('refused').hidden = detail.type !== 'stats-unauthorized'
  })
})()
