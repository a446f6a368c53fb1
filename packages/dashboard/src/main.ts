// The page: finds the paths of the server, and whether the user is signed in.

import { createHeadcountPlugin } from '@headcount/vue'
import { createApp } from 'vue'
import App from './App.vue'
import { placeOf } from './place.js'
import { createSession } from './session.js'
import 'uplot/dist/uPlot.min.css'
import './styles/tokens.css'
import './styles/page.css'
import './styles/panels.css'
import './styles/forms.css'

const place = placeOf(document)
const headcount = createHeadcountPlugin({ base: place.base, route: place.route, start: 'manual', refresh: 'prompt', banner: false })
createApp(App, { place, headcount, session: createSession(place.admin) }).use(headcount).mount('#board')
