/**
 * Takes away from some processes all room for further ones, with the pids controller of cgroup v2
 * or, where that belongs to version 1, of that. Root only.
 */
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const prefix = "clusterd-limit.";

export class ProcessLimit {
  readonly #directory: string;
  readonly #top: string;

  /** Null where it can be used, else why not. */
  static problem(): string | null {
    try {
      new ProcessLimit([]).remove();
      return null;
    } catch (error) {
      return `no pids controller: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  /** From here on none of these can start a process or a thread. */
  constructor(pids: readonly number[]) {
    this.#top = controllerTop();
    const name = `${prefix}${Date.now()}.${Math.floor(Math.random() * 1e9)}`;
    this.#directory = join(this.#top, name);
    mkdirSync(this.#directory);
    for (const pid of pids) writeFileSync(join(this.#directory, "cgroup.procs"), String(pid));
    const current = readFileSync(join(this.#directory, "pids.current"), "utf8").trim();
    writeFileSync(join(this.#directory, "pids.max"), current);
  }

  /** Those that still live get their room back. */
  remove(): void {
    const left = readFileSync(join(this.#directory, "cgroup.procs"), "utf8").trim().split("\n");
    for (const pid of left.filter((one) => one !== "")) {
      try {
        writeFileSync(join(this.#top, "cgroup.procs"), pid);
      } catch {
        // It has ended meanwhile.
      }
    }
    rmdirSync(this.#directory);
  }
}

/** Where the controller is mounted. */
function controllerTop(): string {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8");
  const first = /^\S+ \S+ \S+ \/ (\S+) .* - cgroup \S+ (?:\S+,)?pids(?:,|$)/m.exec(mounts)?.[1];
  if (first !== undefined) return first;
  const second = /^\S+ \S+ \S+ \/ (\S+) .* - cgroup2 /m.exec(mounts)?.[1];
  if (second === undefined) throw new Error("cgroups are not mounted");
  return second;
}
