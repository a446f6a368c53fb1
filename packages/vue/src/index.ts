// What the package exports.

export { useActiveConnections } from './active-connections.js'
export { createHeadcountPlugin } from './plugin.js'
export { useHeadcount } from './use-headcount.js'
export type { ActiveConnections, ConnectionInfo } from './active-connections.js'
export type { HeadcountPlugin, HeadcountPluginOptions } from './plugin.js'
export type { ThisTab } from './use-headcount.js'
