/**
 * The destinations of the log: an open descriptor, or a file that may disappear and come back.
 * Tested in: test/io/log-sink.test.ts
 * LOG1  A call never waits for the reader of the log: if more than a megabyte waits, lines are
 *     dropped and counted.
 * LOG2  `flush` gives up on a destination that has made no progress for half a second: a node that
 *     fences itself must not wait for a stalled terminal.
 * LOG3  If the file cannot be opened, or its folder has disappeared, the daemon goes on, reports it
 *     and tries again. Lines may be lost meanwhile.
 */
import { close, constants, fstat, open, stat } from "node:fs";
import { promisify } from "node:util";
import { destination } from "pino";
import type { Ms } from "../../model/time.ts";
import { causeText } from "../os-error.ts";
import type { Clock } from "../ports.ts";

/** How many bytes each destination keeps for a slow reader. */
const backlogBytesMax = 1024 * 1024;
const stalledMs = 500;

export interface LogDestination {
  write(line: string): void;
  /** How many lines were dropped since the last call; 0 while there is no room to report them. */
  takeDropped(): number;
  /** Must be called after log rotation has renamed the file. */
  reopen(): void;
  flush(): void;
}

export class DescriptorDestination implements LogDestination {
  readonly #clock: Clock;
  readonly #stream: ReturnType<typeof destination>;
  #pendingBytes = 0;
  #progressAtMs: Ms;
  #dropped = 0;

  constructor(descriptor: number, clock: Clock) {
    this.#clock = clock;
    this.#progressAtMs = clock.monotonicMs();
    this.#stream = destination({
      dest: descriptor,
      sync: false,
      minLength: 0,
      maxLength: backlogBytesMax,
    });
    this.#stream.on("write", (bytes: number) => {
      this.#pendingBytes = Math.max(0, this.#pendingBytes - bytes);
      this.#progressAtMs = clock.monotonicMs();
    });
    this.#stream.on("drop", (line: string) => {
      this.#pendingBytes = Math.max(0, this.#pendingBytes - Buffer.byteLength(line));
      this.#dropped += 1;
    });
    // After a full disk or a closed pipe lines are lost, but the daemon goes on.
    this.#stream.on("error", () => {
      this.#dropped += 1;
    });
  }

  write(line: string): void {
    if (this.#pendingBytes === 0) this.#progressAtMs = this.#clock.monotonicMs();
    this.#pendingBytes += Buffer.byteLength(line);
    this.#stream.write(line);
  }

  takeDropped(): number {
    if (this.#pendingBytes > backlogBytesMax / 2) return 0;
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }

  reopen(): void {}

  flush(): void {
    const waitedMs = this.#clock.monotonicMs() - this.#progressAtMs;
    if (this.#pendingBytes > 0 && waitedMs > stalledMs) return;
    try {
      this.#stream.flushSync();
      this.#pendingBytes = 0;
    } catch {
      this.#dropped += 1;
    }
  }

  /** Writes the waiting lines and closes the descriptor. */
  end(): void {
    this.#stream.end();
  }
}

export type FileDestinationOptions = {
  readonly clock: Clock;
  /** How often to check that the open file still has that name. */
  readonly lookEveryMs: Ms;
  /** Called with a text when the file cannot be opened, and when it is open again. */
  readonly onNews: (text: string) => void;
};

export class FileDestination implements LogDestination {
  readonly #path: string;
  readonly #options: FileDestinationOptions;
  #open: { readonly descriptor: number; readonly destination: DescriptorDestination } | null = null;
  /** Lines that wait until the file is open. */
  #held: string[] = [];
  #heldBytes = 0;
  #dropped = 0;
  readonly #looks: NodeJS.Timeout;
  #looking = false;
  #ended = false;
  #wanted: "same" | "anew" = "same";
  #problem: string | null = null;

  constructor(path: string, options: FileDestinationOptions) {
    this.#path = path;
    this.#options = options;
    this.#looks = setInterval(() => this.#look("same"), options.lookEveryMs).unref();
    this.#look("same");
  }

  write(line: string): void {
    if (this.#open !== null) {
      this.#open.destination.write(line);
      return;
    }
    const bytes = Buffer.byteLength(line);
    if (this.#heldBytes + bytes > backlogBytesMax) {
      this.#dropped += 1;
      return;
    }
    this.#held.push(line);
    this.#heldBytes += bytes;
  }

  takeDropped(): number {
    if (this.#open === null) return 0;
    const dropped = this.#dropped + this.#open.destination.takeDropped();
    this.#dropped = 0;
    return dropped;
  }

  reopen(): void {
    this.#look("anew");
  }

  flush(): void {
    this.#open?.destination.flush();
  }

  /** Writes the waiting lines and closes the file; those that wait for it to be opened are lost. */
  end(): void {
    clearInterval(this.#looks);
    this.#ended = true;
    this.#open?.destination.end();
    this.#open = null;
  }

  #look(wanted: "same" | "anew"): void {
    if (wanted === "anew") this.#wanted = "anew";
    if (this.#looking || this.#ended) return;
    this.#looking = true;
    const asked = this.#wanted;
    this.#wanted = "same";
    void this.#examine(asked).then(() => {
      this.#looking = false;
      if (this.#wanted === "anew") this.#look("anew");
    });
  }

  async #examine(wanted: "same" | "anew"): Promise<void> {
    if (this.#open !== null && wanted === "same" && (await this.#isSame(this.#open))) return;
    const descriptor = await openLog(this.#path);
    if (typeof descriptor === "string") {
      if (descriptor !== this.#problem) this.#options.onNews(this.#describe(descriptor));
      this.#problem = descriptor;
      return;
    }
    this.#open?.destination.end();
    const destination = new DescriptorDestination(descriptor, this.#options.clock);
    if (this.#ended) {
      destination.end();
      return;
    }
    this.#open = { descriptor, destination };
    for (const line of this.#held) destination.write(line);
    this.#held = [];
    this.#heldBytes = 0;
    if (this.#problem !== null) this.#options.onNews(`the log file ${this.#path} is open again`);
    this.#problem = null;
  }

  /** Whether the open file still has that name; it, or its folder, may be moved or removed. */
  async #isSame({ descriptor }: { readonly descriptor: number }): Promise<boolean> {
    try {
      const [there, ours] = await Promise.all([statOf(this.#path), fstatOf(descriptor)]);
      return there.ino === ours.ino && there.dev === ours.dev;
    } catch {
      return false;
    }
  }

  #describe(cause: string): string {
    const where = this.#open === null ? "standard output" : "the file that was open";
    const until = `lines go to ${where} until it can`;
    return `the log file ${this.#path} cannot be opened: ${cause}; ${until}`;
  }
}

const statOf = promisify(stat);
const fstatOf = promisify(fstat);

/** Non-blocking, since opening a pipe without a reader would wait for ever. */
const openFlags =
  constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;

/** The descriptor, or why the file cannot be opened. */
function openLog(path: string): Promise<number | string> {
  return new Promise((resolve) => {
    open(path, openFlags, 0o644, (error, descriptor) => {
      if (error !== null) return resolve(causeText(error));
      fstat(descriptor, (_, found) => {
        if (found?.isDirectory() !== true) return resolve(descriptor);
        close(descriptor);
        resolve("it is a directory");
      });
    });
  });
}
