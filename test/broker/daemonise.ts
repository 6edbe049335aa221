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
  const pidDirectory = settings.pidDirectory ?? `${process.env["HOME"] ?? "/tmp"}/.qpidd`;
  if (!isWritable(pidDirectory)) {
    // As in the original: who has not chosen where the log goes finds it in the system log only.
    const words = `[Broker] critical Unexpected error: Can't create PID directory: ${pidDirectory}`;
    if (settings.logFile !== null) process.stderr.write(`${words}\n`);
    return Promise.resolve(1);
  }
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

/** Makes the folder, in which a daemon keeps a pid file of its own. */
function isWritable(directory: string): boolean {
  try {
    if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) mkdirSync(directory);
    accessSync(directory, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
