/**
 * The path of the headcount binary for this machine. It comes with an optional package, `@headcount/cli-<platform>`.
 *
 * @throws {Error} where there is none; the message says why, and what to do.
 */
export declare function binary(): string
