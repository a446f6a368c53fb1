// The examples of nuxt-skew-protection with one headcount and one instance of the app, over both transports.

import { describeExamples } from './nuxt-examples.mjs'
import { OneOfEach } from './nuxt-site.mjs'

for (const transport of ['websocket', 'sse']) describeExamples(OneOfEach, transport)
