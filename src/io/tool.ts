/**
 * Short system commands: find one, run it to its end, return what it printed.
 * Does not know what the commands do. For resource and fence agents see process-runner.ts.
 */
import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { join } from "node:path";
import { accept, type Result, refuse } from "../model/outcome.ts";

const systemDirectories = ["/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin"];
/** `ip` answers in milliseconds; a machine on which it takes longer than this is broken. */
const timeLimitMs = 5000;
/** Thousands of addresses as JSON. */
const outputBytesMax = 16 * 1024 * 1024;

export const toolEnvironment = { LC_ALL: "C", PATH: systemDirectories.join(":") };

/** The full path, or null when no system directory has the program. */
export async function findTool(name: string): Promise<string | null> {
  for (const directory of systemDirectories) {
    const path = join(directory, name);
    if (await executable(path)) return path;
  }
  return null;
}

export type ToolFailure = {
  /** Null when it did not exit by itself. */
  readonly code: number | null;
  readonly output: string;
  readonly cause: string;
};

/** Standard output, or how it failed. */
export function runTool(
  program: string,
  parameters: readonly string[],
): Promise<Result<string, ToolFailure>> {
  return new Promise((resolve) => {
    const limits = { env: toolEnvironment, timeout: timeLimitMs, maxBuffer: outputBytesMax };
    execFile(program, parameters, limits, (error, stdout, stderr) => {
      if (error === null) {
        resolve(accept(stdout));
        return;
      }
      const code = typeof error.code === "number" ? error.code : null;
      resolve(refuse({ code, output: stdout, cause: stderr.trim() || error.message }));
    });
  });
}

export async function executable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
