// Whether the user is signed in.
//
// The ticket is an HttpOnly cookie, so the page learns about it only by asking. When a session ends during work, a
// dialog over the board asks for the secret again. The board stays as it is, with everything that was typed.

import { shallowRef, type ShallowRef } from 'vue'
import { AdminError, createAdmin, type Admin } from './admin/admin.js'

/** `asking`: not known yet. `out`: the board was not shown yet. `ended`: it was, and waits for the secret. */
export type SessionState = 'asking' | 'out' | 'in' | 'ended'

/** The operator's session. */
export interface Session {
  readonly state: Readonly<ShallowRef<SessionState>>
  readonly admin: Admin
  /** Finds out whether there is a session, or begins one with this `secret`. Says in words why neither worked, or `null`. */
  look(secret?: string | null): Promise<string | null>
  /** Fails with an {@link AdminError} where the secret is not right. */
  signIn(secret: string): Promise<void>
  /** Ends the session here, and on the server if that can be reached. */
  signOut(): Promise<void>
}

/** A session with the admin API below `base`. */
export function createSession(base: string): Session {
  const state = shallowRef<SessionState>('asking')
  const admin = createAdmin(base, () => { state.value = state.value === 'in' || state.value === 'ended' ? 'ended' : 'out' })
  return {
    state,
    admin,
    async look(secret = null) {
      try {
        await (secret === null ? admin.releases() : admin.signIn(secret))
        state.value = 'in'
        return null
      } catch (error) {
        if (state.value === 'asking') state.value = 'out'
        return error instanceof AdminError && error.status !== 401 ? error.message : null
      }
    },
    async signIn(secret) {
      await admin.signIn(secret)
      state.value = 'in'
    },
    async signOut() {
      await admin.signOut()
      state.value = 'out'
    },
  }
}
