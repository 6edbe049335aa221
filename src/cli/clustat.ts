/**
 * The command clustat-ts: asks the local daemon for the status and prints it.
 * The layout of its output is in status-text.ts and status-xml.ts.
 * Source: clustat(8); rgmanager clustat.c.
 * Deviation: after a mistake on the command line it exits 1; rgmanager's clustat exits 0.
 */
import { answerMs, type ControlProblem, controlClient } from "../control/control-client.ts";
import { socketPathDefault } from "../control/protocol.ts";
import { parseServiceName } from "../model/ids.ts";
import { assertNever } from "../model/outcome.ts";
import type { ClusterStatus } from "../model/status.ts";
import { version } from "../model/version.ts";
import { type Arg, formatMistake, type OptionTable, parseArgs } from "./args.ts";
import { formatDecisions, formatStatus, type Printed } from "./status-text.ts";
import { formatXml } from "./status-xml.ts";
import type { Terminal } from "./terminal.ts";

const table: OptionTable = {
  letters: "fIls:m:i:xvQh?",
  names: { json: false, why: true, socket: true, help: false, version: false },
};

const usage = `usage: clustat-ts [options]
  -s SERVICE      one service; exit code 0 when it runs, else the number of its state
  -m MEMBER       one member; exit code 0 when it is online, 1 when it is not
  -l              services in the long form
  -x              XML
  -i SECONDS      again every so many seconds, until interrupted
  -I              only the id of this node
  -Q              only an exit code: 0 quorate, 1 not
  -f              accepted; every report is fast
  --json          everything that is known, as JSON
  --why SERVICE   what was decided about the service, and why
  --socket PATH   the daemon's control socket (else $CLUSTERD_SOCKET)
  -v, -h          version, this text
`;

type Options = {
  readonly form: "text" | "xml" | "json" | "why";
  readonly only: "everything" | "quorum" | "node-id";
  readonly member: string | null;
  readonly service: string | null;
  readonly long: boolean;
  readonly everySeconds: number | null;
  readonly socketPath: string;
};

/** Runs the command; returns its exit code. */
export async function clustat(words: readonly string[], terminal: Terminal): Promise<number> {
  const options = readOptions(parseArgs(words, table), terminal.env);
  if (options.type === "ends") {
    terminal.out(options.out);
    terminal.err(options.err);
    return options.exit;
  }
  if (options.everySeconds === null) return await report(options, terminal);
  return await reportAgain(options, options.everySeconds, terminal);
}

type Reading = ({ readonly type: "options" } & Options) | ({ readonly type: "ends" } & Printed);

function readOptions(args: readonly Arg[], env: Terminal["env"]): Reading {
  let options: Options = {
    form: "text",
    only: "everything",
    member: null,
    service: null,
    long: false,
    everySeconds: null,
    socketPath: env["CLUSTERD_SOCKET"] || socketPathDefault,
  };
  for (const arg of args) {
    const mistake = arg.type === "operand" ? `unexpected '${arg.text}'` : formatMistake(arg);
    if (arg.type !== "option") return ends("", `clustat-ts: ${mistake}\n${usage}`, 1);
    if (arg.name === "h" || arg.name === "?" || arg.name === "help") return ends(usage, "", 0);
    if (arg.name === "v" || arg.name === "version") {
      return ends(`clustat version ${version}\n`, "", 0);
    }
    if (arg.name === "x" && options.everySeconds !== null) {
      return ends("Error: Options '-i' and '-x' are mutually exclusive\n", "", 1);
    }
    options = { ...options, ...optionOf(arg.name, arg.value) };
  }
  if (options.form === "json" && (options.member !== null || options.service !== null)) {
    return ends("", "clustat-ts: --json shows everything; use it without -s and -m\n", 1);
  }
  return { type: "options", ...options };
}

function ends(out: string, err: string, exit: number): Reading {
  return { type: "ends", out, err, exit };
}

/** The options that one argument sets. `-f` sets none: every report comes from local memory. */
function optionOf(name: string, value: string): Partial<Options> {
  switch (name) {
    case "s":
      return { service: fullName(value) };
    case "m":
      return { member: value };
    case "l":
      return { long: true };
    case "x":
      return { form: "xml" };
    case "i":
      return { everySeconds: Math.max(Number.parseInt(value, 10) || 1, 1) };
    case "I":
      return { only: "node-id" };
    case "Q":
      return { only: "quorum" };
    case "json":
      return { form: "json" };
    case "why":
      return { form: "why", service: fullName(value) };
    case "socket":
      return { socketPath: value };
    default:
      return {};
  }
}

/** The full name of a service. An invalid name stays as it is and will not be found. */
function fullName(name: string): string {
  return parseServiceName(name) ?? name;
}

async function report(options: Options, terminal: Terminal): Promise<number> {
  const status = await controlClient(options.socketPath).status(answerMs);
  const { out, err, exit } = status.ok
    ? format(status.value, options, terminal.columns())
    : { out: "", err: formatProblem(status.problem, options.socketPath), exit: 1 };
  if (options.everySeconds !== null) terminal.clear();
  terminal.out(out);
  terminal.err(err);
  return exit;
}

/** Repeats the report, also while no daemon answers, so that one can watch a restart. */
async function reportAgain(
  options: Options,
  everySeconds: number,
  terminal: Terminal,
): Promise<number> {
  const signal = terminal.untilSignal();
  for (;;) {
    const exit = await report(options, terminal);
    await terminal.pause(everySeconds * 1000, signal);
    if (signal.aborted) return exit;
  }
}

function format(status: ClusterStatus, options: Options, columns: number): Printed {
  const query = { ...options, columns };
  if (options.only === "quorum") return { out: "", err: "", exit: status.quorum.quorate ? 0 : 1 };
  if (options.only === "node-id") {
    const id = status.localNode.toString(16).padStart(8, "0");
    return { out: `0x${id}\n`, err: "", exit: 0 };
  }
  switch (options.form) {
    case "text":
      return formatStatus(status, query);
    case "xml":
      return formatXml(status, query);
    case "json":
      return { out: `${JSON.stringify(status, null, 2)}\n`, err: "", exit: 0 };
    case "why":
      return formatDecisions(status, options.service ?? "");
    default:
      return assertNever(options.form);
  }
}

function formatProblem(problem: ControlProblem, socketPath: string): string {
  switch (problem.type) {
    case "unreachable":
      return (
        `Could not connect to CMAN: ${problem.text}\n` +
        `clustat-ts: no clusterd answers at ${socketPath}; is it running on this node?\n`
      );
    case "timed-out":
      return "Timed out waiting for a response from Resource Group Manager\n";
    case "lost":
    case "refused":
    case "malformed":
      return `clustat-ts: ${socketPath}: ${problem.text}\n`;
    default:
      return assertNever(problem);
  }
}
