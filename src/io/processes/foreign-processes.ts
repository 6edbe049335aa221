/**
 * Whether a process whose environment this one may not read can descend from its agents.
 * Knows privileges, not services.
 * Source: proc(5) on /proc/PID/environ; ptrace(2), access mode checking; capabilities(7);
 * user_namespaces(7).
 * Tested in: test/io/tracked-processes.test.ts
 * FOREIGN1  A descendant has no capability that this process could not have given it, unless it
 *     made a user namespace of its own; and it is no thread of the kernel.
 * FOREIGN2  With CAP_SYS_PTRACE all of the own user namespace can be read, and a descendant does
 *     not leave it for the one above. Where there is none above, a refusal has a reason that nobody
 *     knows.
 * FOREIGN3  Without privileges a descendant keeps the user, unless it becomes one who has them.
 */
import { stat } from "node:fs/promises";
import type { KernelFiles } from "./kernel-files.ts";
import type { ProcessTraits } from "./process-traits.ts";

const ptraceCapability = 1n << 19n;
/** The whole range of user ids onto itself: the first namespace. */
const wholeRange = /^\s*0\s+0\s+4294967295\s*$/;

export type Privileges = {
  /** CAP_SYS_PTRACE, in the own user namespace. */
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

/** `traits`: of the process; `elsewhere`: it was seen to be in none of the services' cgroups. */
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

/** FOREIGN1. */
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
