/**
 * The log: writes a line for each event to standard output and, if configured, to a file.
 * Source: syslog(3) for the priorities, pino for the JSON.
 * LOG4  Writing never fails: lines that cannot be written are counted, and the number is logged
 *     when the destination accepts lines again.
 */
import { type Logger, pino } from "pino";
import type { LogChannel, LoggingConf, LogPriority } from "../../model/conf.ts";
import { type Ms, ms } from "../../model/time.ts";
import type { Clock, LogLine, LogSink } from "../ports.ts";
import { DescriptorDestination, FileDestination, type LogDestination } from "./log-destination.ts";
import { formatLogText, type LogFormat } from "./log-lines.ts";

/** The levels of pino, which must be rising numbers, in the order of syslog's priorities. */
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

/** Short enough that a folder which comes back soon gets its file, long enough to be no load. */
const lookEveryMsDefault = ms(10_000);

export type LogOptions = LoggingConf & {
  readonly clock: Clock;
  /** A descriptor; the daemon passes 1. */
  readonly output: number;
  /** The format for the descriptor. A file gets JSON instead of the journal's format. */
  readonly format: LogFormat;
  readonly lookEveryMs?: Ms;
};

type Route = { readonly destination: LogDestination; readonly format: LogFormat };
type FileRoute = Route & { readonly path: string; readonly destination: FileDestination };

export class LineLog implements LogSink {
  readonly #options: LogOptions;
  readonly #clock: Clock;
  #priority: Readonly<Record<LogChannel, LogPriority>>;
  readonly #output: Route;
  #file: FileRoute | null;
  readonly #logger: Logger<LogPriority>;
  #json = "";

  constructor(options: LogOptions) {
    const { clock, logFile, output, format } = options;
    this.#options = options;
    this.#clock = clock;
    this.#priority = options.priority;
    this.#logger = pino<LogPriority>(
      {
        level: "debug",
        customLevels: ranks,
        useOnlyCustomLevels: true,
        timestamp: () => `,"time":"${new Date(clock.wallMs()).toISOString()}"`,
        formatters: { level: (label) => ({ level: label }) },
      },
      {
        write: (line) => {
          this.#json = line;
        },
      },
    );
    this.#output = { destination: new DescriptorDestination(output, clock), format };
    this.#file = logFile === null ? null : this.#fileRoute(logFile, options);
  }

  /** From the next line on. */
  reconfigure({ priority, logFile }: LoggingConf): void {
    this.#priority = priority;
    if ((this.#file?.path ?? null) === logFile) return;
    this.#file?.destination.end();
    this.#file = logFile === null ? null : this.#fileRoute(logFile, this.#options);
  }

  get #routes(): readonly Route[] {
    return this.#file === null ? [this.#output] : [this.#output, this.#file];
  }

  write(channel: LogChannel, priority: LogPriority, line: LogLine): void {
    if (ranks[priority] < ranks[this.#priority[channel]]) return;
    this.#send(channel, priority, line);
    for (const { destination } of this.#routes) {
      const dropped = destination.takeDropped();
      if (dropped === 0) continue;
      const text = `${dropped} log lines were dropped`;
      this.#send("services", "warning", { text, facts: { dropped } });
    }
  }

  reopen(): void {
    for (const { destination } of this.#routes) destination.reopen();
  }

  flush(): void {
    for (const { destination } of this.#routes) destination.flush();
  }

  #fileRoute(path: string, { clock, format, lookEveryMs }: LogOptions): FileRoute {
    const destination = new FileDestination(path, {
      clock,
      lookEveryMs: lookEveryMs ?? lookEveryMsDefault,
      onNews: (text) => this.#send("services", "warning", { text }),
    });
    return { path, destination, format: format === "text" ? "text" : "json" };
  }

  #send(channel: LogChannel, priority: LogPriority, line: LogLine): void {
    const wallMs = this.#clock.wallMs();
    this.#logger[priority]({ channel, ...line.facts, ...line.fields }, line.text);
    const json = this.#json;
    for (const { destination, format } of this.#routes) {
      const record = { ...line, channel, priority, wallMs };
      destination.write(format === "json" ? json : formatLogText(record, format));
    }
  }
}
