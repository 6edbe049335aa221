/**
 * Formats a line of the log as text, for the system's journal or for people.
 * Source: sd-daemon(3) for the priority in front; systemd.exec(5), JOURNAL_STREAM.
 * Tested in: test/io/log-sink.test.ts
 * LOG5  Text from outside can neither control a terminal nor begin a new line with another
 *     priority.
 */
import { fstatSync } from "node:fs";
import type { LogChannel, LogPriority } from "../../model/conf.ts";
import { visibleLines } from "../../model/visible-text.ts";
import type { LogLine } from "../ports.ts";

/** `journal`: each line begins with `<N>` and has no time, since the journal adds it. */
export const logFormats = ["json", "text", "journal"] as const;
export type LogFormat = (typeof logFormats)[number];

const priorities = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"] as const;

export type LogRecord = LogLine & {
  readonly channel: LogChannel;
  readonly priority: LogPriority;
  readonly wallMs: number;
};

/** The line with its line feed; several lines if the text has several. */
export function formatLogText(record: LogRecord, format: "text" | "journal"): string {
  const { channel, priority, facts = {} } = record;
  const known = Object.entries(facts).map(([name, value]) => `${name}=${String(value)}`);
  const text = `${record.text}${known.length === 0 ? "" : ` (${known.join(", ")})`}`;
  const front =
    format === "journal"
      ? `<${priorities.indexOf(priority)}>${channel}: `
      : `${new Date(record.wallMs).toISOString()} ${priority} ${channel}: `;
  const lines = visibleLines(text).split("\n");
  return lines.map((line) => `${front}${line}\n`).join("");
}

/** The format for the reader of the descriptor: the journal, a person, or a program. */
export function formatFor(
  descriptor: number,
  { environment, isTerminal }: { environment: NodeJS.ProcessEnv; isTerminal: boolean },
): LogFormat {
  if (isTerminal) return "text";
  const { JOURNAL_STREAM: stream = "" } = environment;
  return stream !== "" && stream === identityOf(descriptor) ? "journal" : "json";
}

function identityOf(descriptor: number): string {
  try {
    const { dev, ino } = fstatSync(descriptor);
    return `${dev}:${ino}`;
  } catch {
    return "closed";
  }
}
