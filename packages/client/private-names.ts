// Names of properties that never leave the client: the build shortens them, which saves some 180 bytes, gzipped.
//
// None of them may be part of the package's types or of the protocol; test/private-names.test.ts looks.

/** What may be shortened. */
export const PRIVATE_NAMES: readonly string[] = [
  'acknowledge', 'acks', 'attempt', 'away', 'build', 'buildBefore', 'clock', 'consent', 'deadline_ms', 'failures', 'happened',
  'isHidden', 'isOnline', 'known', 'look', 'mayChange', 'offline', 'phase', 'places', 'isReload', 'preferred', 'probe', 'received', 'remember',
  'returning', 'sight', 'subscribed', 'timer', 'told', 'toldHidden', 'toldRoute', 'wasBrief',
]
