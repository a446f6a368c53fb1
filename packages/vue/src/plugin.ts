// The plugin: provides the source, and connects it.

import type { HeadcountOptions } from '@headcount/client'
import { inject, type App, type InjectionKey } from 'vue'
import { createSource, type Source } from './source.js'

/** How the plugin is set up: the client's options, and when to connect. */
export interface HeadcountPluginOptions extends HeadcountOptions {
  /** `mount` (default): once the application is mounted or hydrated. `manual`: when `start` is called. */
  readonly start?: 'mount' | 'manual'
}

/** For `app.use`, and for code outside of components. */
export interface HeadcountPlugin extends Pick<Source, 'start' | 'stop' | 'attach'> {
  install(app: App): void
}

const KEY: InjectionKey<Source> = Symbol('headcount')

/** One connection for an application. On a server it does nothing. Make one for each application, as for each request. */
export function createHeadcountPlugin({ start: when = 'mount', ...options }: HeadcountPluginOptions = {}): HeadcountPlugin {
  const source = createSource(options)
  return {
    start: source.start,
    stop: source.stop,
    attach: source.attach,
    install(app) {
      app.provide(KEY, source)
      if (typeof window === 'undefined') return
      app.onUnmount(() => { source.stop() })
      if (when === 'mount') afterMount(app, () => { source.start() })
    },
  }
}

/** The source of the application that this component, or the active application, belongs to. */
export function useSource(): Source {
  const source = inject(KEY, null)
  if (source === null) throw new Error('headcount is not installed: call app.use(createHeadcountPlugin()) before mounting')
  return source
}

function afterMount(app: App, work: () => void): void {
  const { mount } = app
  app.mount = (...place) => {
    const root = mount(...place)
    work()
    return root
  }
}
