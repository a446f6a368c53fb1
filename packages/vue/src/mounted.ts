// When a component may show what a server could not have known.
//
// A page that was rendered on a server must be hydrated with the same values, also in a component that is hydrated long
// after the application was mounted. So each component sees nothing until it is mounted itself.

import { getCurrentInstance, getCurrentScope, onMounted, onScopeDispose, shallowRef, type Ref } from 'vue'

/** Whether the component that asks is mounted; outside of components, whether there is a browser. */
export function useMounted(): Readonly<Ref<boolean>> {
  const isComponent = getCurrentInstance() !== null
  const isMounted = shallowRef(!isComponent && typeof window !== 'undefined')
  if (isComponent) onMounted(() => { isMounted.value = true })
  return isMounted
}

/** Runs `begin` once there is a browser and, in a component, once that is mounted; and what it returns when the scope ends. */
export function whileMounted(begin: () => () => void): void {
  let end = (): void => {}
  let isOver = false
  const run = (): void => {
    if (!isOver) end = begin()
  }
  if (getCurrentInstance() !== null) onMounted(run)
  else if (typeof window !== 'undefined') run()
  if (getCurrentScope() !== undefined) {
    onScopeDispose(() => {
      isOver = true
      end()
    })
  }
}
