// What the module writes into an app's types, for checking this package itself.

import type { SkewAppHooks, SkewNitroHooks } from './runtime/hooks.js'

declare module 'nitropack' { interface NitroRuntimeHooks extends SkewNitroHooks {} }
declare module 'nitropack/types' { interface NitroRuntimeHooks extends SkewNitroHooks {} }
declare module '#app' { interface RuntimeNuxtHooks extends SkewAppHooks {} }
