/**
 * Reads and writes files of the kernel, below /proc and in cgroups. A look at such a file has one
 * of three results: it was seen, it is absent, or its state is unknown.
 * Source: proc(5), cgroups(7), open(2) for the errors.
 * Tested in: test/io/exhausted-looks.test.ts
 * KERNEL1  Only an error that means "no such file or process" shows that something is absent. After
 *     any other error it may exist or not.
 * KERNEL2  A look needs no free descriptor, since a reserved one is closed for it. Closing it,
 *     looking and reserving another one happen without a wait in between, so no other code of this
 *     thread can take the descriptor.
 */
import { closeSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { readdir, readFile, rm, rmdir, writeFile } from "node:fs/promises";
import { causeCode, causeText } from "../os-error.ts";

export type KernelLook<Value> =
  | { readonly type: "seen"; readonly value: Value }
  /** There is no such file, process or cgroup. */
  | { readonly type: "absent" }
  /** It could not be looked at: it may exist or not. */
  | { readonly type: "unknown"; readonly cause: string; readonly denied: boolean };

/** ENODEV: the cgroup was removed while its file was open. */
const absentCodes: ReadonlySet<string | null> = new Set(["ENOENT", "ENOTDIR", "ESRCH", "ENODEV"]);
const deniedCodes: ReadonlySet<string | null> = new Set(["EACCES", "EPERM"]);
/** The process, or the machine, has no free descriptor. */
const exhaustedCodes: ReadonlySet<string | null> = new Set(["EMFILE", "ENFILE"]);

export class KernelFiles {
  #reserve: number[] = [];
  #wanted = 0;

  /** Reserves this many descriptors for looks while no other descriptor is free. */
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

  /** Writes into an existing file; never creates one. */
  write(path: string, text: string): Promise<KernelLook<void>> {
    const how = { flag: "r+" };
    return this.#look(
      () => writeFile(path, text, how),
      () => writeFileSync(path, text, how),
    );
  }

  /** Removes a file. */
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

  /** Looks with a descriptor of the reserve (KERNEL2). */
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
        // Another thread has taken the descriptor; the next look tries again.
        return;
      }
    }
  }
}

/** Removes an empty directory; one that is still in use stays. */
export async function removeEmpty(path: string): Promise<void> {
  try {
    await rmdir(path);
  } catch {
    return;
  }
}

/** Judges the error of a look (KERNEL1). */
function verdictOn(error: unknown): KernelLook<never> {
  const code = causeCode(error);
  if (absentCodes.has(code)) return { type: "absent" };
  return { type: "unknown", cause: causeText(error), denied: deniedCodes.has(code) };
}
