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
    const log = openSync(options.logFile, "a");
    this.logFile = options.logFile;
    this.#process = spawn("env", exactly(options.env, argv), { stdio: ["ignore", log, log] });
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

/**
 * Arguments of env(1) that run a command with this environment and nothing else. A test runner that
 * adds its own variables to every child would otherwise load itself into the programs under test.
 */
export function exactly(env: NodeJS.ProcessEnv, argv: readonly string[]): string[] {
  const pairs = Object.entries(env).map(([name, value]) => `${name}=${value ?? ""}`);
  return ["-i", ...pairs, ...argv];
}

export type RunOptions = {
  readonly env: NodeJS.ProcessEnv;
  /** After this time it is killed, and the code is 124. */
  readonly timeoutMs: number;
  readonly input?: string;
};

/** Runs to the end. A program that cannot be started has code 127, one killed by a signal 128. */
export function run(argv: readonly string[], options: RunOptions): Promise<Result> {
  const child = spawn("env", exactly(options.env, argv), { stdio: "pipe" });
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

/** Whether the process exists and is not a zombie. */
export function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
}
