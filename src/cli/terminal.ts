/**
 * The port of a command to its process: the two outputs, the environment, the terminal's width.
 * Tested in: test/cli/clustat.test.ts
 * TERMINAL1  No text from a daemon can control the terminal: unprintable characters are escaped.
 */
import { visibleLines } from "../model/visible-text.ts";

export type Terminal = {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The width of the terminal; 80 when standard output is no terminal. */
  readonly columns: () => number;
  readonly isTty: boolean;
  /** Clears the screen; does nothing when standard output is no terminal. */
  readonly clear: () => void;
  /** A signal that SIGINT and SIGTERM abort, which otherwise end the command. */
  readonly untilSignal: () => AbortSignal;
  /** Resolves after the time, or as soon as the signal is aborted. */
  readonly pause: (afterMs: number, signal: AbortSignal) => Promise<void>;
};

/** The name of the operator who gives an order, for the logs of the cluster. */
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
  // When the reader ends early, as in `clustat-ts | head`, the command has not failed.
  process.stdout.on("error", (error) => {
    process.exit("code" in error && error.code === "EPIPE" ? 0 : 1);
  });
  return {
    // Only terminals get escaped text; programs get the text itself, such as JSON.
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
