// Names of properties that never leave the client: the build shortens them, which saves some 240 bytes, gzipped.
//
// None of them may be part of the package's types or of the protocol; test/private-names.test.ts looks. Nor may any be a name
// of the browser's that the client uses: nothing looks for that.

/** What may be shortened. */
export const PRIVATE_NAMES: readonly string[] = [
  'acknowledge', 'acks', 'attempt', 'away', 'build', 'buildBefore', 'clock', 'consent', 'deadline_ms', 'effects', 'emit',
  'failures', 'happened', 'isHidden', 'isOnline', 'isReload', 'known', 'links', 'listeners', 'look', 'mayChange', 'memory',
  'offline', 'phase', 'places', 'preferred', 'probe', 'query', 'read', 'received', 'ref', 'remember', 'returning', 'session',
  'sight', 'subscribed', 'timer', 'told', 'toldHidden', 'toldRoute', 'was', 'wasBrief', 'write',
]
