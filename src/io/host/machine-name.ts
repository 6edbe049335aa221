/**
 * A name for the kernel and the namespaces whose processes and addresses this process can see. A
 * restarted daemon has the same name; a rebooted machine, a copy of it, or another container has
 * another one.
 * Source: random(4), boot_id; namespaces(7).
 * Limit: a copy of a running machine with its memory has the same kernel as the original.
 * Tested in: test/e2e/cloned-node.test.ts
 */
import { createHash, randomUUID } from "node:crypto";
import { readFile, readlink } from "node:fs/promises";

/**
 * If a part cannot be read, the name is a new one, so that other nodes wait and do not trust it.
 */
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
