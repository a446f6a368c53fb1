import { defineBuildConfig } from 'unbuild'

export default defineBuildConfig({ failOnWarn: true, externals: ['nitropack', 'nitropack/types', '@headcount/client', '@headcount/vue', 'h3'] })
