// Shows in the corner what headcount knows of this tab. The client itself needs nothing but its script tag.
const { headcount } = window
const badge = document.querySelector('#tab')
const { version } = document.querySelector('script[data-version]').dataset

function show(news) {
  const state = headcount ? headcount.state : 'not connected: this demo was built without the browser client'
  badge.textContent = [version, location.pathname, state, news].filter(Boolean).join(' · ')
}

show()
headcount?.on('state', () => show())
headcount?.on('route', () => show())
headcount?.on('version', message => { if (message.version !== version) show(`${message.version} is out`) })
headcount?.on('held', ({ reasons }) => show(`waits to refresh: ${reasons.join(', ')}`))
