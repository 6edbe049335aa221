/**
 * Finds short system commands, runs them to their end and returns what they printed. For resource
 * and fence agents see process-runner.ts.
 * Tested in: test/io/notify-socket.test.ts
 */

import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { join } from "node:path";
import { accept, type Result, refuse } from "../../model/outcome.ts";
import { searchDirectories, searchPath } from "../../model/search-path.ts";
import { causeText } from "../os-error.ts";
import type { DoneFor } from "../ports.ts";

/** `ip` answers in milliseconds; a machine on which it takes longer than this is broken. */
const timeLimitMs = 5000;
/** Enough for thousands of addresses as JSON. */
const outputBytesMax = 16 * 1024 * 1024;

export const toolEnvironment = { LC_ALL: "C", PATH: searchPath };

/** The full path, or null when no searched directory has the program. */
export async function findTool(name: string): Promise<string | null> {
  for (const directory of searchDirectories) {
    const path = join(directory, name);
    if (await executable(path)) return path;
  }
  return null;
}

export type ToolFailure = {
  /** The exit status; null: the command did not exit by itself. */
  readonly code: number | null;
  readonly output: string;
  readonly cause: string;
};

export type ToolPlace = {
  readonly environment: Readonly<Record<string, string>>;
  /** Kills the command at once when it fires; null: nothing does. */
  readonly cancelled: AbortSignal | null;
};

/** Runs a short command. */
export type RunTool = (
  program: string,
  parameters: readonly string[],
  place?: ToolPlace,
) => Promise<Result<string, ToolFailure>>;

const ordinary: ToolPlace = { environment: toolEnvironment, cancelled: null };

/** Resolves when the command has ended: to its standard output, or to how it failed. */
export const runTool: RunTool = (program, parameters, place = ordinary) => {
  const { environment: env, cancelled } = place;
  if (cancelled?.aborted === true) return Promise.resolve(notRun("it was cancelled"));
  return new Promise((resolve) => {
    // A command that ignored SIGTERM could do its work later, when nothing expects it any more.
    const killSignal = "SIGKILL";
    const limits = { env, timeout: timeLimitMs, maxBuffer: outputBytesMax, killSignal } as const;
    let kill = (): void => undefined;
    try {
      const child = execFile(program, parameters, limits, (error, stdout, stderr) => {
        cancelled?.removeEventListener("abort", kill);
        if (error === null) {
          resolve(accept(stdout));
          return;
        }
        const code = typeof error.code === "number" ? error.code : null;
        resolve(refuse({ code, output: stdout, cause: stderr.trim() || error.message }));
      });
      kill = () => void child.kill(killSignal);
      cancelled?.addEventListener("abort", kill);
    } catch (error) {
      // Node throws some of the errors that mean that the kernel has no room for a process.
      resolve(notRun(causeText(error)));
    }
  });
};

/** A short command; with `by` it is one of the service's processes. */
export type RunServiceTool = (
  program: string,
  parameters: readonly string[],
  by?: DoneFor,
) => ReturnType<RunTool>;

/** Runs a command that belongs to no service. */
export const runPlainly: RunServiceTool = (program, parameters) => runTool(program, parameters);

function notRun(cause: string): Result<never, ToolFailure> {
  return refuse({ code: null, output: "", cause });
}

export async function executable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
