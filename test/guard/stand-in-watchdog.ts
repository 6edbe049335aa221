/**
 * A stand-in for a watchdog device: the slave end of a terminal, which is a character device too,
 * with a directory in a sysfs of its own. What is written arrives here. It knows no ioctl.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../io/waiting.ts";

/** Of util-linux; gives its program a terminal. */
const terminal = "/usr/bin/script";

export function standInProblem(): string | null {
  return existsSync(terminal) ? null : `${terminal} (package bsdutils) is not installed`;
}

export type StandInFacts = {
  readonly timeoutSeconds: number;
  readonly nowayout?: boolean;
  readonly magicClose?: boolean;
};

export class StandInWatchdog {
  readonly #child: ChildProcess;
  readonly #sysfs: string;
  #heard = "";
  #device = "";

  private constructor(sysfs: string) {
    this.#sysfs = sysfs;
    const program = "stty raw -echo; tty; exec sleep 100000";
    this.#child = spawn(terminal, ["-qfc", program, "/dev/null"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    this.#child.stdout?.on("data", (bytes: Buffer) => {
      this.#heard += bytes.toString("latin1");
    });
  }

  static async start(sysfs: string, facts: StandInFacts): Promise<StandInWatchdog> {
    const made = new StandInWatchdog(sysfs);
    await until("the terminal has a name", () => made.#heard.includes("\n"));
    const [name = "", ...rest] = made.#heard.split(/\r?\n/);
    made.#device = name;
    made.#heard = rest.join("");
    made.describe(facts);
    return made;
  }

  describe({ timeoutSeconds, nowayout = false, magicClose = true }: StandInFacts): void {
    const { rdev } = statSync(this.#device);
    const minor = (rdev & 0xff) | ((rdev >>> 12) & 0xfff00);
    const directory = join(this.#sysfs, `${(rdev >>> 8) & 0xfff}:${minor}`);
    mkdirSync(directory, { recursive: true });
    const files = {
      identity: "stand-in",
      timeout: String(timeoutSeconds),
      nowayout: nowayout ? "1" : "0",
      options: magicClose ? "0x8180" : "0x8080",
      bootstatus: "0",
    };
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(join(directory, name), `${text}\n`);
    }
  }

  get device(): string {
    return this.#device;
  }

  /** Every byte that was written, oldest first: zero for a feeding, V for the farewell. */
  get written(): string {
    return this.#heard;
  }

  /** Of each write, or of several at once. */
  onWritten(listener: (text: string) => void): void {
    this.#child.stdout?.on("data", (bytes: Buffer) => listener(bytes.toString("latin1")));
  }

  stop(): void {
    this.#child.kill("SIGKILL");
  }
}
