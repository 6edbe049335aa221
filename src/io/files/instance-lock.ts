/**
 * The lock that permits one daemon and one guard for each state directory: a listening socket in
 * the abstract namespace, which the kernel closes when the process ends in any way.
 * Source: unix(7), abstract socket addresses.
 * Limit: abstract names are per network namespace, so two namespaces may share a directory unseen.
 * Tested in: test/io/file-store.test.ts
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { resolve } from "node:path";
import { accept, type Result, refuse } from "../../model/outcome.ts";
import { causeCode, causeText } from "../os-error.ts";
import type { Stop } from "../ports.ts";

export type LockProblem =
  | { readonly type: "already-running"; readonly stateDirectory: string }
  | { readonly type: "lock-failed"; readonly cause: string };

/**
 * Takes the lock; returns the function that releases it, as the end of the process does.
 * `onRequested` is called when another process waits for the lock.
 */
export async function lockInstance(
  stateDirectory: string,
  role: "clusterd" | "guard",
  onRequested: () => void = () => undefined,
): Promise<Result<Stop, LockProblem>> {
  const directory = resolve(stateDirectory);
  const server = createServer((connection) => {
    connection.destroy();
    onRequested();
  });
  try {
    const listening = once(server, "listening");
    server.listen(lockName(directory, role));
    await listening;
  } catch (error) {
    if (causeCode(error) === "EADDRINUSE") {
      return refuse({ type: "already-running", stateDirectory: directory });
    }
    return refuse({ type: "lock-failed", cause: causeText(error) });
  }
  server.unref();
  return accept(() => {
    server.close();
  });
}

/** Tells the holder of the lock, if there is one, that this process waits for it. */
export function requestLock(stateDirectory: string, role: "clusterd" | "guard"): void {
  const connection = connect(lockName(resolve(stateDirectory), role));
  connection.on("error", () => undefined);
  connection.on("connect", () => connection.destroy());
}

/** A digest of the directory, since a socket address has room for only 108 bytes. */
function lockName(directory: string, role: string): string {
  return `\0${role}-${createHash("sha256").update(directory).digest("hex")}`;
}
