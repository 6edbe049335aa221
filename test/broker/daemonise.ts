/**
 * Starts the broker as a process of its own session and waits until it listens.
 */
import { spawn } from "node:child_process";
import { accessSync, constants, mkdirSync, openSync, statSync } from "node:fs";
import { join } from "node:path";
import type { BrokerOptions } from "./broker-options.ts";

/** The daemon says by this descriptor that it listens; the variable tells it that it is one. */
export const readyFd = 3;
export const readyVariable = "STANDIN_BROKER_READY";

/** Exit status of the starting process: 0 once the daemon listens, 1 when it ended before. */
export function daemonise(settings: BrokerOptions, argv: readonly string[]): Promise<number> {
  if (!pidDirectoryIsThere(settings)) return Promise.resolve(1);
  const atDirectory = settings.directory === null ? null : join(settings.directory, "qpidd.log");
  if (settings.directory !== null) mkdirSync(settings.directory, { recursive: true });
  const log = openSync(settings.logFile ?? atDirectory ?? "/dev/null", "a");
  const child = spawn(process.execPath, [...process.execArgv, ...argv], {
    detached: true,
    stdio: ["ignore", log, log, "pipe"],
    env: { ...process.env, [readyVariable]: String(readyFd) },
  });
  return new Promise((resolve) => {
    child.on("exit", () => resolve(1));
    child.stdio[readyFd]?.once("data", () => {
      child.unref();
      resolve(0);
    });
  });
}

/**
 * As in the original a daemon needs a folder for a pid file of its own, and says only to the system
 * log when there is none.
 */
function pidDirectoryIsThere({ pidDirectory }: BrokerOptions): boolean {
  const directory = pidDirectory ?? `${process.env["HOME"] ?? "/tmp"}/.qpidd`;
  try {
    if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) mkdirSync(directory);
    accessSync(directory, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
