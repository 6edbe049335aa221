/**
 * Parses the line in which the kernel describes a process. Reads no file.
 * Source: proc(5), /proc/PID/stat; include/linux/sched.h for PF_FORKNOEXEC and PF_KTHREAD;
 * fs/binfmt_elf.c for the environment.
 * Tested in: test/io/tracked-processes.test.ts
 */
import type { KernelLook } from "./kernel-files.ts";

export type ProcessTraits = {
  readonly parent: number;
  /** Process id of the leader of its session. */
  readonly session: number;
  /** The start time: together with the process id it identifies the process until a reboot. */
  readonly started: string;
  /** It was forked and has not executed a program of its own yet. */
  readonly forkedOnly: boolean;
  readonly kernelThread: boolean;
  /** Its environment exists and is empty; false while its program is being loaded. */
  readonly bare: boolean;
};

/** Indexes of fields after the name in parentheses; the state has index 0. */
const sessionField = 3;
const flagsField = 6;
const threadsField = 17;
const startTimeField = 19;
/**
 * Addresses; both are 0 after execve(2) has released the old program, until it has loaded the new
 * one.
 */
const environmentStartField = 47;
const environmentEndField = 48;
const forkedNoExec = 0x40;
const kernelThread = 0x200000;

/** Absent: the process has ended, even if its parent has not read the exit status yet. */
export function traitsIn(line: string): KernelLook<ProcessTraits> {
  // The name in parentheses may contain any character.
  const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
  const [state = "", parent = ""] = fields;
  const threads = Number(fields[threadsField] ?? "0");
  // The first thread may end before the others; then the process is still alive.
  if (state === "" || state === "X" || (state === "Z" && threads <= 1)) return { type: "absent" };
  const environmentAt = fields[environmentStartField] ?? "0";
  const flags = Number(fields[flagsField] ?? "0");
  return {
    type: "seen",
    value: {
      parent: Number(parent),
      session: Number(fields[sessionField] ?? "0"),
      started: fields[startTimeField] ?? "",
      forkedOnly: (flags & forkedNoExec) !== 0,
      kernelThread: (flags & kernelThread) !== 0,
      bare: environmentAt !== "0" && environmentAt === fields[environmentEndField],
    },
  };
}
