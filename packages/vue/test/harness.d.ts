// What the tests use of `e2e/harness.mjs`, which is plain JavaScript.

declare module '*/e2e/harness.mjs' {
  export class Server {
    static run(args: readonly string[], variables?: Readonly<Record<string, string>>): Promise<Server>
    readonly url: string
    stop(): Promise<void>
  }
}
