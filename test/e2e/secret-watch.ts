/**
 * Looks again and again whether a secret stands in the command line of any process, as ps(1) would
 * show it to everybody.
 */
import { readdirSync, readFileSync } from "node:fs";

const everyMs = 10;

export class SecretWatch {
  readonly #secret: string;
  readonly #timer: NodeJS.Timeout;
  readonly #seen = new Set<string>();
  looks = 0;

  constructor(secret: string) {
    this.#secret = secret;
    this.#timer = setInterval(() => this.#look(), everyMs);
  }

  /** The programs that had it, by name. */
  get seen(): readonly string[] {
    return [...this.#seen].toSorted();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    this.looks += 1;
    for (const pid of readdirSync("/proc").filter((entry) => /^[1-9]/.test(entry))) {
      const words = commandLine(pid).split("\0");
      if (words.some((word) => word.includes(this.#secret))) this.#seen.add(words[0] ?? "");
    }
  }
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}
