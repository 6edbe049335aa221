/**
 * What one line of the kernel says of a process. Reads no file.
 * Source: proc(5), /proc/PID/stat; include/linux/sched.h for PF_FORKNOEXEC and PF_KTHREAD;
 * fs/binfmt_elf.c for the environment.
 * Tested in: test/io/tracked-processes.test.ts
 */
import type { KernelLook } from "./kernel-files.ts";

export type ProcessTraits = {
  readonly parent: number;
  /** With the process id it names the process for as long as the machine runs. */
  readonly started: string;
  /** It was forked and has run no program of its own yet. */
  readonly forkedOnly: boolean;
  readonly kernelThread: boolean;
  /** It has an environment, and that is empty; false also while its program is being loaded. */
  readonly bare: boolean;
};

/** Fields after the name in parentheses, counted from the state. */
const flagsField = 6;
const threadsField = 17;
const startTimeField = 19;
/** Addresses; both are 0 from the time at which execve(2) has given up the old program. */
const environmentStartField = 47;
const environmentEndField = 48;
const forkedNoExec = 0x40;
const kernelThread = 0x200000;

/** Absent: it has ended, also when nobody has asked for its exit status yet. */
export function traitsIn(line: string): KernelLook<ProcessTraits> {
  // The name in parentheses may hold anything.
  const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
  const [state = "", parent = ""] = fields;
  const threads = Number(fields[threadsField] ?? "0");
  // The first thread may end before the others.
  if (state === "" || state === "X" || (state === "Z" && threads <= 1)) return { type: "absent" };
  const environmentAt = fields[environmentStartField] ?? "0";
  const flags = Number(fields[flagsField] ?? "0");
  return {
    type: "seen",
    value: {
      parent: Number(parent),
      started: fields[startTimeField] ?? "",
      forkedOnly: (flags & forkedNoExec) !== 0,
      kernelThread: (flags & kernelThread) !== 0,
      bare: environmentAt !== "0" && environmentAt === fields[environmentEndField],
    },
  };
}
