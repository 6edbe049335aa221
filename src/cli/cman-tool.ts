/**
 * The command cman_tool-ts: shows the membership, waits for it, leaves it, kills a member.
 * The layout of its output is in membership-text.ts.
 * Source: cman_tool(8); cman cman_tool/main.c.
 * Deviations: after a refused kill it exits 1, not 0; commands that clusterd cannot carry out are
 * missing; an unknown field after -F, or a name after -n that is not configured, is refused.
 */
import {
  answerMs,
  type ControlClient,
  type ControlProblem,
  controlClient,
} from "../control/control-client.ts";
import { operatorClient } from "../control/operator-client.ts";
import { socketPathDefault } from "../control/protocol.ts";
import { assertNever } from "../model/outcome.ts";
import type { ClusterStatus } from "../model/status.ts";
import { version } from "../model/version.ts";
import { visibleLines } from "../model/visible-text.ts";
import { type Arg, formatMistake, type OptionTable, parseArgs } from "./args.ts";
import {
  formatMembership,
  formatNodes,
  formatVersion,
  layoutVersion,
  type NodeField,
  nodeFields,
} from "./membership-text.ts";
import type { Printed } from "./status-text.ts";
import { operatorName, type Terminal } from "./terminal.ts";

const table: OptionTable = {
  letters: "n:F:t:e:v:awqrVh?",
  names: { force: true, json: false, socket: true, help: false, version: false },
};

const usage = `usage: cman_tool-ts COMMAND [options]
  status          the cluster and this node
  nodes           all nodes
    -a            with their addresses
    -n NODE       only this node; may be repeated
    -F FIELDS     only these fields: id,name,type,addr,votes,exp,state
  leave           stop the services of this node, leave the cluster, end the daemon
    remove        for good: the others expect less votes; needs wait_for_all, or:
    force         although removed nodes that start alone might become quorate
    -w            wait until the daemon has ended
  kill            end a member at once; the others treat it as failed
    -n NODE       this one; may be repeated
  expected        expect other votes from now on, on all members
    -e VOTES      so many
  votes           give a member other votes, until it starts again
    -v VOTES      so many
    -n NODE       this member; without it this node
  cancel-wait     do not wait until all nodes were seen (wait_for_all)
  --force TEXT    expected, cancel-wait: the sentence that the refusal asks for
  wait            wait until this node is a member
    -q            wait until the cluster is quorate
  version         version of the layout and of the configuration
    -r            bring the daemon's configuration file in on all nodes
  -t SECONDS      wait no longer; exit code 2 when the time is over
  --json          status, nodes and version: what is known, as JSON
  --socket PATH   the daemon's control socket (else $CLUSTERD_SOCKET)
  -V, -h          version, this text
`;

/** Long, because the stop scripts of services that are removed run meanwhile. */
const reloadMs = 600_000;
/** Short enough for a script that waits, and no load for the daemon. */
const pollMs = 200;
const exitTimeout = 2;
const prefix = "cman_tool: ";

const commands = [
  "status",
  "nodes",
  "leave",
  "kill",
  "expected",
  "votes",
  "cancel-wait",
  "wait",
  "version",
] as const;
type Command = (typeof commands)[number];
const manners = ["remove", "force"] as const;
type Manner = (typeof manners)[number];

type Options = {
  readonly command: Command;
  readonly manner: ReadonlySet<Manner>;
  readonly names: readonly string[] | null;
  readonly fields: readonly NodeField[] | null;
  readonly addresses: boolean;
  readonly json: boolean;
  readonly wait: boolean;
  readonly quorate: boolean;
  readonly reload: boolean;
  readonly timeoutMs: number | null;
  readonly expected: number | null;
  readonly votes: number | null;
  readonly sentence: string | null;
  readonly socketPath: string;
};

/** Runs the command; returns its exit code. */
export async function cmanTool(words: readonly string[], terminal: Terminal): Promise<number> {
  const reading = readOptions(parseArgs(words, table), terminal.env);
  const { out, err, exit } =
    reading.type === "ends" ? reading : await run(reading, { terminal, began: performance.now() });
  terminal.out(out);
  terminal.err(err);
  return exit;
}

type Reading = ({ readonly type: "options" } & Options) | ({ readonly type: "ends" } & Printed);

function readOptions(args: readonly Arg[], env: Terminal["env"]): Reading {
  let command: Command | null = null;
  const manner = new Set<Manner>();
  let options: Omit<Options, "command"> = {
    manner,
    names: null,
    fields: null,
    addresses: false,
    json: false,
    wait: false,
    quorate: false,
    reload: false,
    timeoutMs: null,
    expected: null,
    votes: null,
    sentence: null,
    socketPath: env["CLUSTERD_SOCKET"] || socketPathDefault,
  };
  for (const arg of args) {
    if (arg.type === "operand") {
      const known = commands.find((each) => each === arg.text);
      const how = manners.find((each) => each === arg.text);
      if (command === "leave" && how !== undefined) manner.add(how);
      else if (known === undefined || command !== null) {
        return mistake(`unknown command '${arg.text}'`);
      } else command = known;
    } else if (arg.type !== "option") {
      return mistake(formatMistake(arg) ?? "");
    } else if (["h", "?", "help"].includes(arg.name)) {
      return { type: "ends", out: usage, err: "", exit: 0 };
    } else if (["V", "version"].includes(arg.name)) {
      return { type: "ends", out: `cman_tool-ts ${version}\n`, err: "", exit: 0 };
    } else {
      const changed = optionOf(arg.name, arg.value, options);
      if (typeof changed === "string") return mistake(changed);
      options = { ...options, ...changed };
    }
  }
  if (command === null) return mistake("no command given");
  const foreign = foreignOption(command, options);
  return foreign === null ? { type: "options", command, ...options } : mistake(foreign);
}

function mistake(text: string): Reading {
  return { type: "ends", out: "", err: `cman_tool: ${text}\n${usage}`, exit: 1 };
}

/** The options that one argument sets, or the mistake in it. */
function optionOf(
  name: string,
  value: string,
  before: Pick<Options, "names">,
): Partial<Options> | string {
  switch (name) {
    case "n":
      return { names: [...(before.names ?? []), value] };
    case "F":
      return readFields(value);
    case "t": {
      const seconds = Number(value);
      if (!Number.isInteger(seconds) || seconds < 1) return `'${value}' is not a number of seconds`;
      return { timeoutMs: seconds * 1000 };
    }
    case "e":
    case "v": {
      const votes = Number(value);
      if (!/^\d{1,5}$/.test(value)) return `'${value}' is not a number of votes`;
      return name === "e" ? { expected: votes } : { votes };
    }
    case "force":
      return { sentence: value };
    case "a":
      return { addresses: true };
    case "w":
      return { wait: true };
    case "q":
      return { quorate: true };
    case "r":
      return { reload: true };
    case "json":
      return { json: true };
    case "socket":
      return { socketPath: value };
    default:
      return `unexpected option '${name}'`;
  }
}

function readFields(text: string): Partial<Options> | string {
  const fields: NodeField[] = [];
  for (const word of text.split(",")) {
    const field = nodeFields.find((each) => each === word);
    if (field === undefined) return `'${word}' is not a field; known: ${nodeFields.join(",")}`;
    fields.push(field);
  }
  return { fields };
}

/** Why an option is refused that its command does not take; null: all are taken. */
function foreignOption(command: Command, options: Omit<Options, "command">): string | null {
  if (options.manner.has("force") && !options.manner.has("remove")) {
    return "force is only for leave remove: no other leave is ever refused";
  }
  if (command === "kill" && options.names === null) return "kill needs -n NODE";
  if (command === "expected" && options.expected === null) return "expected needs -e VOTES";
  if (command === "votes" && options.votes === null) return "votes needs -v VOTES";
  if (command === "votes" && (options.names?.length ?? 0) > 1) return "votes takes one -n NODE";
  const given: readonly (readonly [string, boolean, readonly Command[]])[] = [
    ["-n", options.names !== null, ["nodes", "kill", "votes"]],
    ["-e", options.expected !== null, ["expected"]],
    ["-v", options.votes !== null, ["votes"]],
    ["--force", options.sentence !== null, ["expected", "cancel-wait"]],
    ["-F", options.fields !== null, ["nodes"]],
    ["-a", options.addresses, ["nodes"]],
    ["-w", options.wait, ["leave"]],
    ["-q", options.quorate, ["wait"]],
    ["-r", options.reload, ["version"]],
    ["-t", options.timeoutMs !== null, options.wait ? ["leave"] : ["wait"]],
    ["--json", options.json, ["status", "nodes", "version"]],
  ];
  const found = given.find(([, present, takers]) => present && !takers.includes(command));
  return found === undefined ? null : `${command} does not take ${found[0]} here`;
}

type CommandContext = { readonly terminal: Terminal; readonly began: number };

async function run(options: Options, context: CommandContext): Promise<Printed> {
  const client = controlClient(options.socketPath);
  switch (options.command) {
    case "status":
    case "nodes":
    case "version": {
      if (options.reload) return await reload(client);
      const status = await client.status(answerMs);
      return status.ok ? show(status.value, options) : failure(status.problem);
    }
    case "wait":
      return await poll(options, context, async () => {
        const status = await client.status(answerMs);
        return status.ok && awaited(status.value, options.quorate);
      });
    case "leave":
      return await leave(client, options, context);
    case "kill":
      return await kill(client, options, context.terminal);
    case "expected":
    case "votes":
    case "cancel-wait":
      return await changeVotes(client, { ...options, command: options.command }, context.terminal);
    default:
      return assertNever(options.command);
  }
}

function show(status: ClusterStatus, options: Options): Printed {
  const known = new Set(status.nodes.map((node) => node.name));
  const stranger = options.names?.find((name) => !known.has(name));
  if (stranger !== undefined) {
    return { out: "", err: `cman_tool: ${stranger} is not a node of the configuration\n`, exit: 1 };
  }
  if (options.command === "version") return shown(versionOf(status, options));
  const { names } = options;
  if (options.command === "status") {
    const { services: _, ...membership } = status;
    return shown(options.json ? json(membership) : formatMembership(status));
  }
  const nodes = status.nodes.filter((node) => names?.includes(node.name) ?? true);
  return shown(options.json ? json(nodes) : formatNodes(status, options));
}

function versionOf(status: ClusterStatus, options: Options): string {
  if (!options.json) return formatVersion(status);
  const { configVersion } = status.cluster;
  return json({ version, layoutVersion, configVersion });
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function shown(out: string): Printed {
  return { out, err: "", exit: 0 };
}

function awaited(status: ClusterStatus, quorate: boolean): boolean {
  const member = status.nodes.some(({ id, online }) => id === status.localNode && online);
  return member && (!quorate || status.quorum.quorate);
}

/** Prints what has changed; waits as long as the services need that it stops. */
async function reload(client: ControlClient): Promise<Printed> {
  const asked = await client.reload(reloadMs);
  if (!asked.ok) return failure(asked.problem);
  const text = asked.value.text === "" ? "" : `${visibleLines(asked.value.text)}\n`;
  return asked.value.accepted ? shown(text) : { out: "", err: `${prefix}${text}`, exit: 1 };
}

async function leave(
  client: ControlClient,
  options: Options,
  context: CommandContext,
): Promise<Printed> {
  const { manner } = options;
  const how = { remove: manner.has("remove"), force: manner.has("force") };
  const asked = await client.leave(how, answerMs);
  if (!asked.ok) return failure(asked.problem);
  if (!asked.value.accepted) {
    const err = `cman_tool: Error leaving cluster: ${asked.value.text}\n`;
    return { out: "", err, exit: 1 };
  }
  if (!options.wait) return shown("");
  return await poll(options, context, async () => {
    const status = await client.status(answerMs);
    return !status.ok && status.problem.type === "unreachable";
  });
}

/** Tries each node, even if it failed for one before. */
async function kill(client: ControlClient, options: Options, terminal: Terminal): Promise<Printed> {
  const by = operatorName(terminal);
  let err = "";
  for (const node of options.names ?? []) {
    const asked = await client.kill(node, by, answerMs);
    if (!asked.ok && asked.problem.type === "unreachable") return failure(asked.problem);
    const why = asked.ok ? asked.value.text : failure(asked.problem).err.slice(prefix.length, -1);
    if (!asked.ok || !asked.value.accepted) err += `${prefix}Can't kill node ${node} : ${why}\n`;
  }
  return { out: "", err, exit: err === "" ? 0 : 1 };
}

async function changeVotes(
  client: ControlClient,
  options: Options & { readonly command: "expected" | "votes" | "cancel-wait" },
  terminal: Terminal,
): Promise<Printed> {
  const { command, sentence, names } = options;
  const operators = operatorClient(options.socketPath);
  const by = operatorName(terminal);
  const local = command === "votes" && names === null ? await client.status(answerMs) : null;
  if (local?.ok === false) return failure(local.problem);
  const self = local?.value.nodes.find((node) => node.id === local.value.localNode)?.name ?? "";
  const asked =
    command === "expected"
      ? await operators.expected(options.expected ?? 0, by, sentence)
      : command === "votes"
        ? await operators.votes(names?.[0] ?? self, options.votes ?? 0, by)
        : await operators.cancelWait(by, sentence);
  if (!asked.ok) return failure(asked.problem);
  if (asked.value.accepted) return shown("");
  const what = {
    expected: "set expected votes",
    votes: "set votes",
    "cancel-wait": "cancel the wait",
  };
  return { out: "", err: `${prefix}can't ${what[command]}: ${asked.value.text}\n`, exit: 1 };
}

/** Polls the status until the condition holds or the time is over. */
async function poll(
  { timeoutMs }: Options,
  { terminal, began }: CommandContext,
  reached: () => Promise<boolean>,
): Promise<Printed> {
  const signal = terminal.untilSignal();
  while (!(await reached())) {
    const leftMs = timeoutMs === null ? pollMs : began + timeoutMs - performance.now();
    if (leftMs <= 0) {
      return { out: "", err: "cman_tool: Timed-out waiting for cluster\n", exit: exitTimeout };
    }
    await terminal.pause(Math.min(pollMs, leftMs), signal);
    if (signal.aborted) return { out: "", err: "", exit: 1 };
  }
  return shown("");
}

function failure(problem: ControlProblem): Printed {
  const err =
    problem.type === "unreachable"
      ? "Cannot open connection to cman, is it running ?"
      : problem.type === "timed-out"
        ? `the daemon has not answered for ${problem.afterMs / 1000} s`
        : problem.text;
  return { out: "", err: `cman_tool: ${err}\n`, exit: 1 };
}
