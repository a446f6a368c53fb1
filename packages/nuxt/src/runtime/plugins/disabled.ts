// Stands in where the module is turned off: composables answer as on a page that never connects.

import { createHeadcountPlugin } from '@headcount/vue'
import { defineNuxtPlugin } from '#imports'

import { askAnew } from '../anew.js'

export default defineNuxtPlugin({
  name: 'headcount',
  setup(nuxtApp) {
    const headcount = createHeadcountPlugin({ start: 'manual' })
    nuxtApp.vueApp.use(headcount)
    return { provide: { headcount: Object.assign(headcount, { anew: askAnew({ post: () => Promise.resolve() }) }) } }
  },
})
