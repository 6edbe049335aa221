/**
 * `<logging>` and `<logging_daemon>` → one priority for each log channel, and the log file.
 * Source: cluster.conf(5); libccsconfdb extras.c: ccs_read_logging.
 * Deviations: there is one process, so there is one log file; syslog gets what is written to
 * standard output; an unknown priority is an error, not the default.
 * Tested in: test/config/conf-values.test.ts
 */
import type { LogChannel, LoggingConf, LogPriority } from "../../model/conf.ts";
import { quoted } from "../../model/visible-text.ts";
import { loggingDaemons } from "../schema/cluster-rules.ts";
import type { Report } from "../text/complaint.ts";
import { choices, flags, logFileDefault } from "../text/defaults.ts";
import {
  attributeLocation,
  onlySection,
  requiredText,
  type Section,
  SectionReader,
  sectionsNamed,
} from "../text/section.ts";
import { nameList } from "../text/value-text.ts";

const { words: priorities, default: usualPriority } = choices.logging.logfile_priority;

export function readLogging(root: Section, report: Report): LoggingConf {
  const section = onlySection(root, "logging");
  const reader = new SectionReader(section, report);
  const general = readPriority(reader, report) ?? usualPriority;
  const priority: Record<LogChannel, LogPriority> = {
    totem: general,
    quorum: general,
    fencing: general,
    services: general,
  };
  // A subsystem takes precedence over its daemon, in any order in the file.
  const daemons = sectionsNamed(section, "logging_daemon").map(
    (daemon) => new SectionReader(daemon, report),
  );
  for (const specific of [false, true]) {
    for (const daemon of daemons.filter((each) => each.has("subsys") === specific)) {
      const own = readPriority(daemon, report);
      for (const channel of channelsOf(daemon)) if (own !== null) priority[channel] = own;
    }
  }
  for (const daemon of daemons) {
    requiredText(daemon.section, { name: "name", allowed: nameList(loggingDaemons) }, report);
    warnIgnored(daemon, ["logfile", "to_logfile", ...syslogNames], report);
  }
  warnIgnored(reader, syslogNames, report);
  return { priority, logFile: readLogFile(reader, report) };
}

const syslogNames = ["to_syslog", "syslog_facility", "syslog_priority"];

function channelsOf(daemon: SectionReader): readonly LogChannel[] {
  switch (daemon.text("name")) {
    case "fenced":
      return ["fencing"];
    case "rgmanager":
      return ["services"];
    case "corosync":
      return corosyncChannels(daemon.text("subsys"));
    default:
      return [];
  }
}

function corosyncChannels(subsystem: string | null): readonly LogChannel[] {
  switch (subsystem) {
    case null:
      return ["totem", "quorum"];
    case "TOTEM":
    case "MAIN":
      return ["totem"];
    case "CMAN":
    case "QUORUM":
      return ["quorum"];
    default:
      return [];
  }
}

function readPriority(reader: SectionReader, report: Report): LogPriority | null {
  const debug = reader.optionalFlag("debug");
  const text = reader.text("logfile_priority");
  const priority = priorities.find((candidate) => candidate === text?.toLowerCase());
  if (text === null || priority !== undefined) {
    return debug === true ? "debug" : (priority ?? null);
  }
  const problem = `${quoted(text)} is not a priority`;
  const location = attributeLocation(reader.section, "logfile_priority");
  report.error(location, { type: "bad-value", problem, allowed: nameList(priorities) });
  return null;
}

/** Standard output alone unless the file asks for a log file. */
function readLogFile(reader: SectionReader, report: Report): string | null {
  const wanted = reader.flag("to_logfile", flags.logging.to_logfile);
  const path = reader.text("logfile");
  if (!wanted) return null;
  if (path === null) return reader.has("to_logfile") ? logFileDefault : null;
  if (path.startsWith("/")) return path;
  const problem = `${quoted(path)} is not an absolute path`;
  const location = attributeLocation(reader.section, "logfile");
  report.error(location, { type: "bad-value", problem, allowed: "a path that starts with /" });
  return null;
}

function warnIgnored(reader: SectionReader, names: readonly string[], report: Report): void {
  const wantsSyslog = reader.flag("to_syslog", flags.logging.to_syslog);
  for (const name of names) {
    // Without syslog, its other options configure nothing.
    if (!reader.has(name) || (syslogNames.includes(name) && !wantsSyslog)) continue;
    const allowed = syslogNames.includes(name)
      ? "clusterd writes to standard output, which the system's journal collects"
      : "clusterd writes one log file, set in <logging>";
    const location = attributeLocation(reader.section, name);
    report.warning(location, { type: "ignored", problem: `${name} is ignored`, allowed });
  }
}
