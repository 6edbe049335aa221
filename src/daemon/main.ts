/**
 * The program clusterd: parses its arguments, reads the conf, starts the daemon and obeys signals.
 * Exit status: 0 clean end or clean check, 1 refused or broken, 2 service management is disabled,
 * 3 an imported configuration is printed that must be completed.
 * Tested in: test/e2e/wrong-input.test.ts
 */
import { mkdir } from "node:fs/promises";
import { Command } from "commander";
import { type CheckReport, checkJson, checkText } from "../check/check-report.ts";
import { effectiveView } from "../check/effective-view.ts";
import { startupComplaints, startupWarnings } from "../config/host/startup-warnings.ts";
import {
  type Complaint,
  formatComplaint,
  formatCount,
  hasErrors,
} from "../config/text/complaint.ts";
import { systemClock } from "../io/clock.ts";
import { lockInstance } from "../io/files/instance-lock.ts";
import { writeNewKey } from "../io/frames/key-file.ts";
import { formatFor, type LogFormat } from "../io/log/log-lines.ts";
import { LineLog } from "../io/log/log-sink.ts";
import { causeCode, causeText } from "../io/os-error.ts";
import { readOwnQpiddConf } from "../io/qpidd-conf-file.ts";
import type { ClusterConf, LoggingConf, LogPriority, ResourceConf } from "../model/conf.ts";
import { version } from "../model/version.ts";
import { checkBrokerConf } from "./broker-conf-check.ts";
import { Daemon } from "./daemon.ts";
import { importFiles } from "./import-files.ts";
import { type LoadedConf, type LoadedConfOutcome, loadConf } from "./loaded-conf.ts";
import { openSupervisorLine } from "./supervisor-notifier.ts";

const levels: readonly LogPriority[] = [
  "emerg",
  "alert",
  "crit",
  "err",
  "warning",
  "notice",
  "info",
  "debug",
];

type Arguments = {
  readonly config: string;
  readonly keygen?: string;
  readonly import?: readonly string[];
  readonly name?: string;
  readonly check?: boolean;
  readonly strict?: boolean;
  readonly json?: boolean;
  readonly stateDir: string;
  readonly runDir: string;
  readonly logLevel?: LogPriority;
  readonly logFormat?: LogFormat;
};

function parseArguments(argv: readonly string[]): Arguments {
  const command = new Command("clusterd")
    .description("cluster manager daemon: membership, quorum, fencing, services, virtual addresses")
    .option("-c, --config <file>", "configuration file", "/etc/cluster/cluster.conf")
    .option("-n, --name <name>", "node name of this machine, as in the configuration")
    .option("--check", "check the configuration against this machine and end")
    .option("--json", "with --check: print complaints and the effective view as JSON")
    .option("--keygen <file>", "write a new cluster key to a file that does not exist yet, and end")
    .option("--import <file...>", "print what corosync.conf, CIB or pcs config say, and end")
    .option("--strict", "warnings of the configuration are errors")
    .option("--state-dir <directory>", "what must survive a restart", "/var/lib/clusterd")
    .option("--run-dir <directory>", "control socket", "/run/clusterd")
    .option("--log-level <level>", `least important level that is logged: ${levels.join(", ")}`)
    .option("--log-format <format>", "json or text; otherwise by who reads the standard output")
    .version(version, "-v, --version")
    .helpOption("-h, --help")
    .allowExcessArguments(false);
  command.parse([...argv]);
  const options = command.opts<Arguments>();
  if (options.logLevel !== undefined && !levels.includes(options.logLevel)) {
    command.error(`error: --log-level ${options.logLevel}: one of ${levels.join(", ")}`);
  }
  if (options.logFormat !== undefined && !["json", "text"].includes(options.logFormat)) {
    command.error(`error: --log-format ${options.logFormat}: json or text`);
  }
  return options;
}

/** OCF agents keep their state there but do not make it; it is lost at every reboot. */
const ocfStateDirectory = "/run/resource-agents";

function usesOcfAgents({ services }: ClusterConf): boolean {
  const uses = ({ agent, children }: ResourceConf): boolean =>
    agent?.runs.dialect === "ocf" || children.some(uses);
  return services.services.some(({ tree }) => uses(tree));
}

/** Writes to standard error before there is a log, with the priority if the journal reads it. */
function say(text: string, priority: "err" | "warning" = "err"): void {
  const { isTTY: isTerminal } = process.stderr;
  const journal = formatFor(2, { environment: process.env, isTerminal }) === "journal";
  process.stderr.write(`${journal ? (priority === "err" ? "<3>" : "<4>") : ""}${text}\n`);
}

/**
 * Makes only the last level of the path: a missing parent is a typing error, and Node's recursive
 * mkdir hangs in /proc. Returns why it failed, or null.
 */
async function makeDirectory(path: string, mode: number): Promise<string | null> {
  try {
    await mkdir(path, { mode });
    return null;
  } catch (error) {
    return causeCode(error) === "EEXIST" ? null : causeText(error);
  }
}

async function makeKey(path: string): Promise<number> {
  const written = await writeNewKey(path);
  if (written.ok) {
    say(`${path}: a new key of ${written.value} bytes; copy it to every node, mode 0400`);
    return 0;
  }
  say(`clusterd: ${path}: ${written.problem.cause}`);
  return 1;
}

function tell(complaints: readonly Complaint[]): void {
  for (const complaint of complaints) {
    say(formatComplaint(complaint), complaint.severity === "error" ? "err" : "warning");
  }
}

function tellCount(complaints: readonly Complaint[]): void {
  if (complaints.length > 0) say(formatCount(complaints), "warning");
}

/** Prints what is wrong with the configuration; `loaded` is null if it must not be used. */
async function load(options: Arguments): Promise<LoadedConfOutcome> {
  const { config, name = null, stateDir } = options;
  const { complaints, loaded } = await loadConf(config, name, stateDir);
  tell(complaints);
  tellCount(complaints);
  const strictly = options.strict === true && complaints.length > 0;
  return { complaints, loaded: strictly ? null : loaded };
}

/** Prints everything that can be said of the configuration, and starts nothing. */
async function check(options: Arguments): Promise<number> {
  const { config: file, name = null, stateDir, strict = false, json = false } = options;
  const { complaints: found, loaded } = await loadConf(file, name, stateDir);
  const complaints = loaded === null ? found : await furtherComplaints(found, loaded);
  const refused = loaded === null || hasErrors(complaints) || (strict && complaints.length > 0);
  const view =
    loaded === null
      ? null
      : effectiveView(loaded.conf, { local: loaded.local.id, addresses: loaded.addresses });
  const report: CheckReport = { file, status: refused ? 1 : 0, complaints, view };
  if (json) {
    process.stdout.write(checkJson(report));
    return report.status;
  }
  tell(complaints);
  process.stdout.write(checkText(report));
  tellCount(complaints);
  return report.status;
}

/** With the warnings of every start, and those about the file of the broker. */
async function furtherComplaints(
  found: readonly Complaint[],
  loaded: LoadedConf,
): Promise<readonly Complaint[]> {
  const { locations } = loaded.reading.outcome;
  const ofStart = locations === null ? [] : startupComplaints(loaded.conf, locations);
  const ofBroker = await checkBrokerConf(loaded, readOwnQpiddConf);
  return [...[...found, ...ofStart].sort((a, b) => a.line - b.line), ...ofBroker];
}

async function run(options: Arguments): Promise<number | null> {
  if (options.keygen !== undefined) return await makeKey(options.keygen);
  if (options.import !== undefined) {
    const out = (text: string) => process.stdout.write(text);
    return await importFiles(options.import, { out, say });
  }
  const { config } = options;
  if (options.check === true) return await check(options);
  const { loaded } = await load(options);
  if (loaded === null) return 1;
  if (!loaded.conf.services.enabled) {
    say(`${config}: <rm disabled="1">: service management is disabled`);
    return 2;
  }
  const unmade =
    (await makeDirectory(options.stateDir, 0o700)) ?? (await makeDirectory(options.runDir, 0o755));
  if (usesOcfAgents(loaded.conf)) await makeDirectory(ocfStateDirectory, 0o755);
  if (unmade !== null) {
    say(`clusterd: ${unmade}`);
    return 1;
  }
  const lock = await lockInstance(options.stateDir, "clusterd");
  if (!lock.ok) {
    say(
      lock.problem.type === "already-running"
        ? `clusterd: another clusterd uses the state directory ${lock.problem.stateDirectory}`
        : `clusterd: cannot take the instance lock: ${lock.problem.cause}`,
    );
    return 1;
  }
  const log = openLog(options, loaded.conf.logging);
  for (const text of startupWarnings(loaded.conf)) log.write("services", "warning", { text });
  const supervisor = await openSupervisorLine(process.env, (text) =>
    log.write("services", "warning", { text }),
  );
  const daemon = await Daemon.start({
    loaded,
    stateDirectory: options.stateDir,
    runDirectory: options.runDir,
    log,
    onLogging: (logging) => log.reconfigure(asAsked(options, logging)),
    guardFormat: formatOf(options, 2),
    supervisor,
    onExit: (status) => {
      log.flush();
      process.exit(status);
    },
  });
  if (!daemon.ok) {
    say(`clusterd: ${daemon.problem}`);
    return 1;
  }
  const { name, id } = loaded.local;
  log.write("services", "notice", { text: `clusterd ${version} starts as ${name}, node ${id}` });
  obeySignals(daemon.value, log);
  return null;
}

function openLog(options: Arguments, logging: LoggingConf): LineLog {
  const format = formatOf(options, 1);
  return new LineLog({ ...asAsked(options, logging), clock: systemClock(), output: 1, format });
}

/** --log-level takes precedence over the file. */
function asAsked({ logLevel: level }: Arguments, logging: LoggingConf): LoggingConf {
  if (level === undefined) return logging;
  const priority = { totem: level, quorum: level, fencing: level, services: level };
  return { ...logging, priority };
}

function formatOf({ logFormat }: Arguments, descriptor: 1 | 2): LogFormat {
  const { isTTY } = descriptor === 1 ? process.stdout : process.stderr;
  return logFormat ?? formatFor(descriptor, { environment: process.env, isTerminal: isTTY });
}

function obeySignals(daemon: Daemon, log: LineLog): void {
  process.on("SIGTERM", () => daemon.shutdown());
  process.on("SIGINT", () => daemon.shutdown());
  process.on("SIGHUP", () => daemon.hangUp());
  process.on("uncaughtException", (error) => {
    log.write("services", "emerg", { text: `broken: ${error.stack ?? error.message}` });
    log.flush();
    void daemon.abort();
  });
}

const status = await run(parseArguments(process.argv));
if (status !== null) process.exitCode = status;
