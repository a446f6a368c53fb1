// The examples of nuxt-skew-protection with three nodes of headcount and three instances of the app, each behind a round robin.

import { describeExamples } from './nuxt-examples.mjs'
import { ThreeOfEach } from './nuxt-site.mjs'

for (const transport of ['websocket', 'sse']) describeExamples(ThreeOfEach, transport)
