/**
 * The outside of a command: its two outputs, its environment, the width of the terminal.
 * Does not know what is printed.
 * Tested in: test/cli/clustat.test.ts
 * TERMINAL1  Nothing that comes from a daemon can command the terminal of whoever asks it.
 */
import { visibleLines } from "../model/visible-text.ts";

export type Terminal = {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Of the terminal; 80 when standard output is none. */
  readonly columns: () => number;
  readonly isTty: boolean;
  /** Empties the screen; nothing happens where standard output is none. */
  readonly clear: () => void;
  /** Aborted by SIGINT and SIGTERM, if the command asked for it. */
  readonly untilSignal: () => AbortSignal;
  /** Resolves after the time, or at once when the signal is or gets aborted. */
  readonly pause: (afterMs: number, signal: AbortSignal) => Promise<void>;
};

/** Whoever gives an order, for the logs of the cluster. */
export function operatorName({ env }: Terminal): string {
  return env["SUDO_USER"] || env["USER"] || "an operator";
}

/** One line of standard input; empty when it ends. */
export async function readLine(): Promise<string> {
  let line = "";
  for await (const part of process.stdin) {
    line += String(part);
    if (line.includes("\n")) break;
  }
  return line.split("\n", 1)[0] ?? "";
}

export function processTerminal(): Terminal {
  // A reader that has seen enough, as in `clustat-ts | head`, is no failure of the command.
  process.stdout.on("error", (error) => {
    process.exit("code" in error && error.code === "EPIPE" ? 0 : 1);
  });
  return {
    // Programs get what there is: they may have a use for it, as JSON has for its own escapes.
    out: (text) => void process.stdout.write(process.stdout.isTTY ? visibleLines(text) : text),
    err: (text) => void process.stderr.write(process.stderr.isTTY ? visibleLines(text) : text),
    env: process.env,
    columns: () => (process.stdout.isTTY ? process.stdout.columns || 80 : 80),
    isTty: process.stdout.isTTY === true,
    clear: () => void (process.stdout.isTTY && process.stdout.write("\u001b[H\u001b[2J")),
    untilSignal: () => {
      const ended = new AbortController();
      for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => ended.abort());
      return ended.signal;
    },
    pause: (afterMs, signal) =>
      new Promise((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          signal.removeEventListener("abort", done);
          resolve();
        };
        const timer = setTimeout(done, signal.aborted ? 0 : afterMs);
        signal.addEventListener("abort", done);
      }),
  };
}
