/**
 * A long-lived process of a test: its output goes to a file, its end can be awaited.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";

export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };
export type Result = { readonly code: number; readonly stdout: string; readonly stderr: string };

export type ChildOptions = {
  readonly env: NodeJS.ProcessEnv;
  readonly logFile: string;
};

export class Child {
  readonly logFile: string;
  readonly exited: Promise<Exit>;
  readonly #process: ChildProcess;

  constructor(argv: readonly string[], options: ChildOptions) {
    const [command = "", ...rest] = argv;
    const log = openSync(options.logFile, "a");
    this.logFile = options.logFile;
    this.#process = spawn(command, rest, { stdio: ["ignore", log, log], env: options.env });
    closeSync(log);
    this.exited = new Promise((resolve) => {
      this.#process.on("exit", (code, signal) => resolve({ code, signal }));
      this.#process.on("error", () => resolve({ code: 127, signal: null }));
    });
  }

  /** 0 when it could not be started. */
  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get running(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  kill(signal: NodeJS.Signals): void {
    if (this.running) this.#process.kill(signal);
  }

  /** Everything it has printed so far. */
  output(): string {
    return readFileSync(this.logFile, "utf8");
  }
}

export type RunOptions = {
  readonly env: NodeJS.ProcessEnv;
  /** After this time it is killed, and the code is 124. */
  readonly timeoutMs: number;
  readonly input?: string;
};

/** Runs to the end. A program that cannot be started has code 127, one killed by a signal 128. */
export function run(argv: readonly string[], options: RunOptions): Promise<Result> {
  const [command = "", ...rest] = argv;
  const child = spawn(command, rest, { stdio: "pipe", env: options.env });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  child.stdin.on("error", () => {});
  child.stdin.end(options.input ?? "");
  let late = false;
  const limit = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, options.timeoutMs);
  const text = (chunks: readonly Buffer[]) => Buffer.concat(chunks).toString("utf8");
  return new Promise((resolve) => {
    const end = (code: number) => {
      clearTimeout(limit);
      child.stdout.destroy();
      child.stderr.destroy();
      resolve({ code: late ? 124 : code, stdout: text(stdout), stderr: text(stderr) });
    };
    child.on("error", () => end(127));
    // A daemon may keep the pipes open: then the end of the program itself counts.
    child.on("exit", (code) => {
      const settle = () => end(code ?? 128);
      child.once("close", settle);
      setTimeout(settle, 200).unref();
    });
  });
}
