/**
 * The log: one JSON object for each line, to standard output and, if asked for, to a file.
 * Does not know what the lines mean. Source: syslog(3) for the priorities, pino for the format.
 * L1  A call never waits for the reader of the log: beyond a megabyte lines are dropped and counted,
 *     and the count is logged when the reader is back.
 * L2  `flush` gives up on a destination that has made no progress for half a second: whoever fences
 *     himself must not wait for a stalled terminal.
 */
import { type DestinationStream, destination, type Logger, pino } from "pino";
import type { LogChannel, LoggingConf, LogPriority } from "../model/conf.ts";
import type { Ms } from "../model/time.ts";
import type { Clock, LogLine, LogSink } from "./ports.ts";

/** What is kept for a slow reader, per destination. */
const backlogBytesMax = 1024 * 1024;
const stalledMs = 500;

/** pino wants rising numbers; these leave syslog's order and distances recognisable. */
const ranks: Readonly<Record<LogPriority, number>> = {
  debug: 10,
  info: 20,
  notice: 30,
  warning: 40,
  err: 50,
  crit: 60,
  alert: 70,
  emerg: 80,
};

export type LogOptions = LoggingConf & {
  readonly clock: Clock;
  /** A descriptor or a path; the daemon passes 1. */
  readonly output: number | string;
};

export class JsonLog implements LogSink {
  readonly #priority: Readonly<Record<LogChannel, LogPriority>>;
  readonly #outlets: readonly Outlet[];
  readonly #logger: Logger<LogPriority>;

  constructor(options: LogOptions) {
    this.#priority = options.priority;
    const targets = options.logFile === null ? [options.output] : [options.output, options.logFile];
    this.#outlets = targets.map((target) => new Outlet(target, options.clock));
    const everywhere: DestinationStream = {
      write: (line) => {
        for (const outlet of this.#outlets) outlet.write(line);
      },
    };
    this.#logger = pino<LogPriority>(
      {
        level: "debug",
        customLevels: ranks,
        useOnlyCustomLevels: true,
        timestamp: () => `,"time":"${new Date(options.clock.wallMs()).toISOString()}"`,
        formatters: { level: (label) => ({ level: label }) },
      },
      everywhere,
    );
  }

  write(channel: LogChannel, priority: LogPriority, line: LogLine): void {
    if (ranks[priority] < ranks[this.#priority[channel]]) return;
    this.#logger[priority]({ channel, ...line.facts }, line.text);
    for (const outlet of this.#outlets) this.#confess(outlet);
  }

  reopen(): void {
    for (const outlet of this.#outlets) outlet.reopen();
  }

  flush(): void {
    for (const outlet of this.#outlets) outlet.flush();
  }

  #confess(outlet: Outlet): void {
    const dropped = outlet.takeDropped();
    if (dropped > 0) this.#logger.warning({ dropped }, `${dropped} log lines were dropped`);
  }
}

/** One destination and how far behind its reader is. */
class Outlet {
  readonly #clock: Clock;
  readonly #isFile: boolean;
  readonly #stream: ReturnType<typeof destination>;
  #pendingBytes = 0;
  #progressAtMs: Ms;
  #dropped = 0;

  constructor(target: number | string, clock: Clock) {
    this.#clock = clock;
    this.#isFile = typeof target === "string";
    this.#progressAtMs = clock.monotonicMs();
    this.#stream = destination({
      dest: target,
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
    // A full disk or a closed pipe costs log lines, never the daemon.
    this.#stream.on("error", () => {
      this.#dropped += 1;
    });
  }

  write(line: string): void {
    if (this.#pendingBytes === 0) this.#progressAtMs = this.#clock.monotonicMs();
    this.#pendingBytes += Buffer.byteLength(line);
    this.#stream.write(line);
  }

  /** Lines lost since the last call, once there is room to say so. */
  takeDropped(): number {
    if (this.#pendingBytes > backlogBytesMax / 2) return 0;
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }

  reopen(): void {
    if (this.#isFile) this.#stream.reopen();
  }

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
}
