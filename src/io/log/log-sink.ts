/**
 * The log: a line for each event, to standard output and, if asked for, to a file.
 * Does not know what the lines mean. Source: syslog(3) for the priorities, pino for the JSON.
 * LOG4  Writing never fails: what cannot be written is counted, and the count is logged when the
 *     reader is back.
 */
import { type Logger, pino } from "pino";
import type { LogChannel, LoggingConf, LogPriority } from "../../model/conf.ts";
import { type Ms, ms } from "../../model/time.ts";
import type { Clock, LogLine, LogSink } from "../ports.ts";
import { formatLogText, type LogFormat } from "./log-lines.ts";
import { DescriptorOutlet, FileOutlet, type Outlet } from "./log-outlet.ts";

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

/** Often enough that a folder that came back soon has its file again, and costs nothing. */
const lookEveryMsDefault = ms(10_000);

export type LogOptions = LoggingConf & {
  readonly clock: Clock;
  /** A descriptor; the daemon passes 1. */
  readonly output: number;
  /** Of what goes to the descriptor. A file has no use for the journal's, and gets JSON instead. */
  readonly format: LogFormat;
  readonly lookEveryMs?: Ms;
};

type Route = { readonly outlet: Outlet; readonly format: LogFormat };

export class LineLog implements LogSink {
  readonly #clock: Clock;
  readonly #priority: Readonly<Record<LogChannel, LogPriority>>;
  readonly #routes: readonly Route[];
  readonly #logger: Logger<LogPriority>;
  #json = "";

  constructor(options: LogOptions) {
    const { clock, logFile, output, format } = options;
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
    const first = { outlet: new DescriptorOutlet(output, clock), format };
    this.#routes = logFile === null ? [first] : [first, this.#fileRoute(logFile, options)];
  }

  write(channel: LogChannel, priority: LogPriority, line: LogLine): void {
    if (ranks[priority] < ranks[this.#priority[channel]]) return;
    this.#send(channel, priority, line);
    for (const { outlet } of this.#routes) {
      const dropped = outlet.takeDropped();
      if (dropped === 0) continue;
      const text = `${dropped} log lines were dropped`;
      this.#send("services", "warning", { text, facts: { dropped } });
    }
  }

  reopen(): void {
    for (const { outlet } of this.#routes) outlet.reopen();
  }

  flush(): void {
    for (const { outlet } of this.#routes) outlet.flush();
  }

  #fileRoute(path: string, { clock, format, lookEveryMs }: LogOptions): Route {
    const outlet = new FileOutlet(path, {
      clock,
      lookEveryMs: lookEveryMs ?? lookEveryMsDefault,
      onNews: (text) => this.#send("services", "warning", { text }),
    });
    return { outlet, format: format === "text" ? "text" : "json" };
  }

  #send(channel: LogChannel, priority: LogPriority, line: LogLine): void {
    const wallMs = this.#clock.wallMs();
    this.#logger[priority]({ channel, ...line.facts }, line.text);
    const json = this.#json;
    for (const { outlet, format } of this.#routes) {
      const record = { ...line, channel, priority, wallMs };
      outlet.write(format === "json" ? json : formatLogText(record, format));
    }
  }
}
