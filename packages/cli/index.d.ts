/**
 * The path of the headcount binary for this machine. It comes with an optional package, `@headcount/cli-<platform>`.
 *
 * @throws {Error} if npm did not install a binary for this platform; the message says why, and what to do.
 */
export declare function binary(): string
