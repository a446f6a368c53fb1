import vue from '@vitejs/plugin-vue'
import { defineConfig, type Plugin } from 'vite'

/** Where a running headcount is, for `vite dev`. */
const SERVER = process.env.HEADCOUNT_URL ?? 'http://127.0.0.1:4477'
const PLACES = {
  base: process.env.HEADCOUNT_BASE_PATH ?? '/__skew',
  admin: process.env.HEADCOUNT_ADMIN_PATH ?? '/api/admin',
  version: 'dev',
}

/** What the server does to `index.html`, done by the development server. A build leaves it to the server. */
function places(): Plugin {
  return {
    name: 'headcount-places',
    apply: 'serve',
    transformIndexHtml: (html) => html.replace(/\{\{(base|admin|version)\}\}/g, (_, name: keyof typeof PLACES) => PLACES[name]),
  }
}

export default defineConfig({
  // The server mounts the board where it is told to, so nothing here knows an absolute path.
  base: './',
  plugins: [vue(), places()],
  build: {
    target: 'es2022',
    // A `data:` address or an inline script would need a weaker content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: { [PLACES.base]: { target: SERVER, ws: true }, [PLACES.admin]: { target: SERVER } },
  },
})
