/**
 * A name for where this process looks when it says that nothing runs here: the kernel, the
 * processes and the addresses it can see. Another start of the daemon has the same one; a machine
 * that was started anew, its copy, or another container has not.
 * Does not know what it is used for. Source: random(4), boot_id; namespaces(7).
 * Limit: a copy of a running machine with its memory has the same kernel as the original.
 * Tested in: test/e2e/cloned-node.test.ts
 */
import { createHash, randomUUID } from "node:crypto";
import { readFile, readlink } from "node:fs/promises";

/** What cannot be read makes a name that nobody had before: then others wait rather than trust. */
export async function machineName(): Promise<string> {
  const parts = await Promise.all([
    orUnique(readFile("/proc/sys/kernel/random/boot_id", "utf8")),
    orUnique(readlink("/proc/self/ns/pid")),
    orUnique(readlink("/proc/self/ns/net")),
  ]);
  return createHash("sha256").update(parts.join("\0")).digest("hex").slice(0, 32);
}

async function orUnique(text: Promise<string>): Promise<string> {
  try {
    return (await text).trim();
  } catch {
    return randomUUID();
  }
}
