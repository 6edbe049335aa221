/**
 * Files that the kernel makes, below /proc and in cgroups, and how a look at them can end: it was
 * seen, it is not there, or nobody knows.
 * Does not know what the files mean. Source: proc(5), cgroups(7), open(2) for the errors.
 * Tested in: test/io/exhausted-looks.test.ts
 * KERNEL1  Only the answer "no such file or process" means that nothing is there. Whatever else
 *     went wrong says nothing about what is there.
 * KERNEL2  A look needs no free descriptor: a reserve is given back for it. That, the look and
 *     taking the reserve again are one stretch without a wait, so nothing else of this thread gets
 *     it.
 */
import { closeSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { readdir, readFile, rm, rmdir, writeFile } from "node:fs/promises";
import { causeCode, causeText } from "../os-error.ts";

export type KernelLook<Value> =
  | { readonly type: "seen"; readonly value: Value }
  /** There is no such file, process or cgroup. */
  | { readonly type: "absent" }
  /** It could not be looked at: it may be there or not. */
  | { readonly type: "unknown"; readonly cause: string; readonly denied: boolean };

/** ENODEV: the cgroup was removed while its file was open. */
const absentCodes: ReadonlySet<string | null> = new Set(["ENOENT", "ENOTDIR", "ESRCH", "ENODEV"]);
const deniedCodes: ReadonlySet<string | null> = new Set(["EACCES", "EPERM"]);
/** Of the process, and of the machine. */
const exhaustedCodes: ReadonlySet<string | null> = new Set(["EMFILE", "ENFILE"]);

export class KernelFiles {
  #reserve: number[] = [];
  #wanted = 0;

  /** Keeps so many descriptors for looks at a time when no other one is to be had. */
  reserve(count: number): void {
    this.#wanted = count;
    this.#refill();
  }

  text(path: string): Promise<KernelLook<string>> {
    return this.#look(
      () => readFile(path, "utf8"),
      () => readFileSync(path, "utf8"),
    );
  }

  names(path: string): Promise<KernelLook<readonly string[]>> {
    return this.#look(
      () => readdir(path),
      () => readdirSync(path),
    );
  }

  /** Names of the directories in a directory. */
  async folders(path: string): Promise<KernelLook<readonly string[]>> {
    const entries = await this.#look(
      () => readdir(path, { withFileTypes: true }),
      () => readdirSync(path, { withFileTypes: true }),
    );
    if (entries.type !== "seen") return entries;
    const folders = entries.value.filter((entry) => entry.isDirectory());
    return { type: "seen", value: folders.map(({ name }) => name) };
  }

  /** Writes into a file that is there, and makes none. */
  write(path: string, text: string): Promise<KernelLook<void>> {
    const how = { flag: "r+" };
    return this.#look(
      () => writeFile(path, text, how),
      () => writeFileSync(path, text, how),
    );
  }

  /** Takes a file away, or whatever stands in its place. */
  remove(path: string): Promise<KernelLook<void>> {
    return this.#look(
      () => rm(path),
      () => rmSync(path),
    );
  }

  async #look<Value>(
    ordinary: () => Promise<Value>,
    atOnce: () => Value,
  ): Promise<KernelLook<Value>> {
    try {
      return { type: "seen", value: await ordinary() };
    } catch (error) {
      return exhaustedCodes.has(causeCode(error)) ? this.#fromReserve(atOnce) : verdictOn(error);
    }
  }

  /** KERNEL2. */
  #fromReserve<Value>(look: () => Value): KernelLook<Value> {
    this.#refill();
    const lent = this.#reserve.pop();
    if (lent !== undefined) closeSync(lent);
    try {
      return { type: "seen", value: look() };
    } catch (error) {
      return verdictOn(error);
    } finally {
      this.#refill();
    }
  }

  #refill(): void {
    while (this.#reserve.length < this.#wanted) {
      try {
        this.#reserve.push(openSync("/dev/null", "r"));
      } catch {
        // Another thread was faster; it is tried again at the next look.
        return;
      }
    }
  }
}

/** A directory that is still in use stays. */
export async function removeEmpty(path: string): Promise<void> {
  try {
    await rmdir(path);
  } catch {
    return;
  }
}

/** KERNEL1. */
function verdictOn(error: unknown): KernelLook<never> {
  const code = causeCode(error);
  if (absentCodes.has(code)) return { type: "absent" };
  return { type: "unknown", cause: causeText(error), denied: deniedCodes.has(code) };
}
