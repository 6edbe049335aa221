/**
 * Decides whether a process whose environment may not be read is foreign: whether it cannot descend
 * from the agents of this process.
 * Source: proc(5) on /proc/PID/environ; ptrace(2), access mode checking; capabilities(7);
 * user_namespaces(7).
 * Tested in: test/io/tracked-processes.test.ts
 * FOREIGN1  A descendant has no capability that this process could not have given it, unless it has
 *     made a user namespace of its own. It is not a kernel thread.
 * FOREIGN2  With CAP_SYS_PTRACE this process can read everything in its own user namespace, and a
 *     descendant does not leave that for the parent namespace. So what cannot be read is foreign.
 *     The initial namespace has no parent; there the reason for a refusal is unknown.
 * FOREIGN3  Without privileges a process of another user counts as foreign, since a descendant
 *     keeps the user, unless it becomes a privileged one.
 */
import { stat } from "node:fs/promises";
import type { KernelFiles } from "./kernel-files.ts";
import type { ProcessTraits } from "./process-traits.ts";

const ptraceCapability = 1n << 19n;
/** Maps all user ids onto themselves, as the initial user namespace does. */
const wholeRange = /^\s*0\s+0\s+4294967295\s*$/;

export type Privileges = {
  /** Whether this process has CAP_SYS_PTRACE in its own user namespace. */
  readonly mayRead: boolean;
  /** The capability bounding set. */
  readonly bounding: bigint;
  /** The text of /proc/PID/uid_map. */
  readonly users: string;
  readonly user: number;
};

export async function ownPrivileges(files: KernelFiles): Promise<Privileges> {
  const [status, users] = await Promise.all([
    files.text("/proc/self/status"),
    files.text("/proc/self/uid_map"),
  ]);
  const text = status.type === "seen" ? status.value : "";
  return {
    mayRead: (capabilities(text, "CapEff") & ptraceCapability) !== 0n,
    bounding: capabilities(text, "CapBnd"),
    users: users.type === "seen" ? users.value : "",
    user: process.geteuid?.() ?? 0,
  };
}

/** `traits` are those of the process; `elsewhere`: it is in none of the services' cgroups. */
export async function isForeign(
  files: KernelFiles,
  own: Privileges,
  {
    pid,
    traits,
    elsewhere,
  }: {
    readonly pid: number;
    readonly traits: ProcessTraits;
    readonly elsewhere: boolean;
  },
): Promise<boolean> {
  if (traits.kernelThread) return true;
  if (own.mayRead && !wholeRange.test(own.users)) return true;
  if (await hasMore(files, own, pid)) return true;
  if (own.mayRead) return false;
  if (elsewhere) return true;
  if (own.user === 0) return false;
  const owner = await ownerOf(pid);
  return owner !== null && owner !== own.user;
}

/** Whether the process has a capability that this one could not have given it (FOREIGN1). */
async function hasMore(files: KernelFiles, own: Privileges, pid: number): Promise<boolean> {
  const [status, users] = await Promise.all([
    files.text(`/proc/${pid}/status`),
    files.text(`/proc/${pid}/uid_map`),
  ]);
  if (status.type !== "seen" || users.type !== "seen" || users.value !== own.users) return false;
  return own.bounding !== 0n && (capabilities(status.value, "CapPrm") & ~own.bounding) !== 0n;
}

function capabilities(status: string, set: "CapEff" | "CapPrm" | "CapBnd"): bigint {
  const digits = new RegExp(`^${set}:\\s*([0-9a-f]+)`, "m").exec(status)?.[1];
  return BigInt(`0x${digits ?? "0"}`);
}

async function ownerOf(pid: number): Promise<number | null> {
  try {
    return (await stat(`/proc/${pid}`)).uid;
  } catch {
    return null;
  }
}
