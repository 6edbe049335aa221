/** A terminal that remembers; a command runs on it within the test's own process. */
import type { Terminal } from "../../src/cli/terminal.ts";
import type { Outcome } from "./spawned.ts";

export type FakeTerminal = {
  readonly terminal: Terminal;
  readonly out: () => string;
  readonly err: () => string;
};

export function fakeTerminal(env: Readonly<Record<string, string>> = {}): FakeTerminal {
  let out = "";
  let err = "";
  const terminal: Terminal = {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    env,
    columns: () => 80,
    isTty: false,
    clear: () => undefined,
    untilSignal: () => AbortSignal.abort(),
    pause: () => Promise.resolve(),
  };
  return { terminal, out: () => out, err: () => err };
}

/** The outcome of a command, as `run` of spawned.ts gives it, without the cost of a process. */
export async function call(
  command: (words: readonly string[], terminal: Terminal) => Promise<number>,
  words: readonly string[],
  socketPath: string,
): Promise<Outcome> {
  const fake = fakeTerminal({ CLUSTERD_SOCKET: socketPath });
  const exit = await command(words, fake.terminal);
  return { out: fake.out(), err: fake.err(), exit };
}
