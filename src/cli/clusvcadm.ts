/**
 * The command clusvcadm-ts: sends one service request to the local daemon and prints its result.
 * This file has its options, texts and exit codes; the daemon decides.
 * Source: clusvcadm(8); rgmanager clusvcadm.c.
 * Deviation: an unknown member ends the command; rgmanager's clusvcadm takes the closest name.
 */
import {
  answerMs,
  type ControlClient,
  type ControlProblem,
  controlClient,
} from "../control/control-client.ts";
import { type LockOperation, type ServiceReply, socketPathDefault } from "../control/protocol.ts";
import { type RequestCode, requestCodes, requestText } from "../control/request-codes.ts";
import { parseServiceName, type ServiceName } from "../model/ids.ts";
import { accept, assertNever, type Result, refuse } from "../model/outcome.ts";
import type { ServiceOperation } from "../model/service-operation.ts";
import type { ClusterStatus } from "../model/status.ts";
import { version } from "../model/version.ts";
import { type Arg, formatMistake, type OptionTable, parseArgs } from "./args.ts";
import { nameOfNode, servicesUnavailable } from "./status-text.ts";
import type { Terminal } from "./terminal.ts";

const table: OptionTable = {
  letters: "lSue:M:d:r:n:c:m:FvR:s:Z:U:qh?",
  names: { socket: true, help: false, version: false },
};

const usage = `usage: clusvcadm-ts OPERATION SERVICE [options]
  -e SERVICE            enable here
  -e SERVICE -F         enable where its failover domain says
  -e SERVICE -m MEMBER  enable on the member
  -d SERVICE            disable: stays down until it is enabled again
  -s SERVICE            stop: may start again when a member joins or leaves
  -r SERVICE [-m MEMBER]  relocate, preferably to the member
  -r SERVICE -F         the same although messages of a broker may be lost by it
  -R SERVICE            restart in place
  -Z SERVICE            freeze: neither checked, moved, stopped nor started
  -U SERVICE            unfreeze
  -c SERVICE            convalesce: start the non-critical parts that are left out
  -l, -u, -S            lock all services, unlock them, show whether they are locked
  -M SERVICE -m MEMBER  migrate a virtual machine: always refused; -r moves it
  -n MEMBER             the same as -m
  -q                    nothing on standard output
  --socket PATH         the daemon's control socket (else $CLUSTERD_SOCKET)
  -v, -h                version, this text
A SERVICE without a colon is service:SERVICE.
`;

const operations: Readonly<Record<string, ServiceOperation>> = {
  e: "enable",
  d: "disable",
  s: "stop",
  R: "restart",
  r: "relocate",
  Z: "freeze",
  U: "unfreeze",
  c: "convalesce",
  M: "migrate",
};

/** Letters that are executed as soon as they are read, whatever else is on the command line. */
const lockLetters: Readonly<Record<string, LockOperation | "query">> = {
  l: "lock",
  u: "unlock",
  S: "query",
};

const lockFailures: Readonly<Record<LockOperation | "query", string>> = {
  lock: "Lock operation failed",
  unlock: "Unlock operation failed",
  query: "Query operation failed",
};

const verbs: Readonly<Record<ServiceOperation, string>> = {
  enable: "trying to enable",
  disable: "disabling",
  stop: "stopping",
  restart: "trying to restart",
  relocate: "Trying to relocate",
  freeze: "freezing",
  unfreeze: "unfreezing",
  convalesce: "convalescing",
  migrate: "Trying to migrate",
};

/** When and how often the command prints on standard error what its request waits for. */
export type NoticePace = { readonly firstMs: number; readonly everyMs: number };
export const noticePace: NoticePace = { firstMs: 10_000, everyMs: 30_000 };

/** The time to wait for an ordered message, since the membership may be changing. */
const lockMs = 60_000;

type RequestOptions = {
  readonly operation: ServiceOperation;
  /** As written on the command line, with its prefix. */
  readonly service: string;
  readonly target: string | null;
  readonly byDomain: boolean;
  readonly socketPath: string;
};

type Reading =
  | { readonly type: "request"; readonly options: RequestOptions; readonly quiet: boolean }
  | {
      readonly type: "lock";
      readonly operation: LockOperation | "query";
      readonly socketPath: string;
      readonly quiet: boolean;
    }
  | { readonly type: "ends"; readonly out: string; readonly err: string; readonly exit: number };

/** Runs the command; returns its exit code. */
export async function clusvcadm(
  words: readonly string[],
  terminal: Terminal,
  pace: NoticePace,
): Promise<number> {
  const reading = readOptions(parseArgs(words, table), terminal.env);
  if (reading.type === "ends") {
    terminal.out(reading.out);
    terminal.err(reading.err);
    return reading.exit;
  }
  const audible = reading.quiet ? { ...terminal, out: () => {} } : terminal;
  if (reading.type === "lock") return await carryOutLock(reading, audible);
  return await carryOut(reading.options, audible, pace);
}

function readOptions(args: readonly Arg[], env: Terminal["env"]): Reading {
  let last: { readonly letter: string; readonly service: string } | null = null;
  let target: string | null = null;
  let byDomain = false;
  let quiet = false;
  const socketPath = readSocketPath(args, env);
  for (const arg of args) {
    const mistake = arg.type === "operand" ? `unexpected '${arg.text}'` : formatMistake(arg);
    if (arg.type !== "option") return ends("", `clusvcadm-ts: ${mistake}\n${usage}`, 1);
    const { name, value } = arg;
    if (name === "h" || name === "?" || name === "help") return ends(quiet ? "" : usage, "", 1);
    if (name === "v" || name === "version") return ends(quiet ? "" : `${version}\n`, "", 0);
    const lock = lockLetters[name];
    if (lock !== undefined) return { type: "lock", operation: lock, socketPath, quiet };
    if (name === "socket") continue;
    if (name === "q") quiet = true;
    else if (name === "F") byDomain = true;
    else if (name === "m" || name === "n") target = value;
    else last = { letter: name, service: value };
  }
  // A relocation with both is forced onto the target.
  if (byDomain && target !== null && last?.letter !== "r") {
    return ends("", "Cannot use '-F' with '-n' or '-m'\n", 1);
  }
  if (last === null) return ends(quiet ? "" : usage, "", 1);
  const operation = operations[last.letter] ?? "enable";
  if (operation === "migrate" && target === null) {
    return ends(quiet ? "" : "Migration requires a target cluster member\n", "", 1);
  }
  const service = last.service.includes(":") ? last.service : `service:${last.service}`;
  byDomain = byDomain && (operation === "enable" || operation === "relocate");
  return { type: "request", options: { operation, service, target, byDomain, socketPath }, quiet };
}

function readSocketPath(args: readonly Arg[], env: Terminal["env"]): string {
  const given = args.findLast((arg) => arg.type === "option" && arg.name === "socket");
  if (given?.type === "option") return given.value;
  return env["CLUSTERD_SOCKET"] || socketPathDefault;
}

function ends(out: string, err: string, exit: number): Reading {
  return { type: "ends", out, err, exit };
}

async function carryOut(
  options: RequestOptions,
  terminal: Terminal,
  pace: NoticePace,
): Promise<number> {
  const client = controlClient(options.socketPath);
  const status = await client.status(answerMs);
  if (!status.ok && !forbidden(status.problem)) {
    if (status.problem.type === "unreachable") {
      terminal.out("Could not connect to cluster service\n");
    }
    terminal.err(`clusvcadm-ts: ${formatProblem(status.problem, options.socketPath)}\n`);
    return 1;
  }
  const wrong = status.ok ? targetProblem(options, status.value) : null;
  if (wrong !== null) {
    terminal.out(`${wrong}\n`);
    return 1;
  }
  terminal.out(`${formatHead(options)}...`);
  const service = parseServiceName(options.service);
  if (!status.ok) return conclude(requestCodes.permissionDenied, terminal);
  if (service === null) return conclude(requestCodes.noSuchService, terminal);
  const notices = startNotices({ client, service, terminal, pace });
  const reply = await client.request({ ...options, service });
  notices.stop();
  if (reply.ok) return formatReply(reply.value, { options, status: status.value, terminal });
  if (forbidden(reply.problem)) return conclude(requestCodes.permissionDenied, terminal);
  if (reply.problem.type === "unreachable") {
    terminal.out("Could not connect to resource group manager\n");
  }
  terminal.err(`clusvcadm-ts: ${formatProblem(reply.problem, options.socketPath)}\n`);
  return 1;
}

function targetProblem(options: RequestOptions, status: ClusterStatus): string | null {
  if (options.target === null) return null;
  const node = status.nodes.find((each) => each.name === options.target);
  if (node === undefined) return `'${options.target}' not in membership list`;
  const offline = options.operation === "migrate" && !node.online;
  return offline ? `'${options.target}' is offline` : null;
}

async function carryOutLock(
  options: Extract<Reading, { readonly type: "lock" }>,
  terminal: Terminal,
): Promise<number> {
  const { operation, socketPath } = options;
  const client = controlClient(socketPath);
  const locked =
    operation === "query"
      ? await readLock(client, socketPath)
      : await setLock(client, { operation, socketPath });
  if (locked.ok) {
    terminal.out(`Resource groups ${locked.value ? "locked" : "unlocked"}\n`);
    return 0;
  }
  terminal.out(`${lockFailures[operation]}\n`);
  terminal.err(`clusvcadm-ts: ${locked.problem}\n`);
  return 1;
}

async function readLock(
  client: ControlClient,
  socketPath: string,
): Promise<Result<boolean, string>> {
  const status = await client.status(answerMs);
  if (!status.ok) return refuse(formatProblem(status.problem, socketPath));
  const { services, locked } = status.value;
  return services === null ? refuse(servicesUnavailable(status.value)) : accept(locked);
}

async function setLock(
  client: ControlClient,
  options: { readonly operation: LockOperation; readonly socketPath: string },
): Promise<Result<boolean, string>> {
  const reply = await client.lock(options.operation, lockMs);
  if (!reply.ok) return refuse(formatProblem(reply.problem, options.socketPath));
  const { code, text } = reply.value;
  return code === requestCodes.success ? accept(options.operation === "lock") : refuse(text);
}

/** Whether the user may not connect: owner, group and mode of the socket decide that. */
function forbidden(problem: ControlProblem): boolean {
  return problem.type === "unreachable" && (problem.code === "EACCES" || problem.code === "EPERM");
}

function formatHead(options: RequestOptions): string {
  const verb = verbs[options.operation];
  if (options.operation === "relocate" || options.operation === "migrate") {
    return `${verb} ${options.service}${options.target === null ? "" : ` to ${options.target}`}`;
  }
  const who = options.target === null ? "Local machine" : `Member ${options.target}`;
  return `${who} ${verb} ${options.service}`;
}

function formatReply(
  reply: ServiceReply,
  context: {
    readonly options: RequestOptions;
    readonly status: ClusterStatus;
    readonly terminal: Terminal;
  },
): number {
  const { options, status, terminal } = context;
  const exit = conclude(reply.code, terminal);
  const moved = options.operation === "enable" || options.operation === "relocate";
  if (reply.code === requestCodes.success && moved && reply.owner !== 0) {
    const owner = nameOfNode(status, reply.owner);
    const warning = options.target === null || options.target === owner ? "" : "Warning: ";
    terminal.out(`${warning}${options.service} is now running on ${owner}\n`);
  }
  if (reply.text !== "" && reply.text !== requestText(reply.code)) {
    terminal.err(`clusvcadm-ts: ${reply.text}\n`);
  }
  return exit;
}

/** Completes the line; the exit code is the low byte of the result, or 0 for "already running". */
function conclude(code: RequestCode, terminal: Terminal): number {
  terminal.out(`${requestText(code)}\n`);
  return code === requestCodes.alreadyRunning ? 0 : code & 255;
}

type NoticeOptions = {
  readonly client: ControlClient;
  readonly service: ServiceName;
  readonly terminal: Terminal;
  readonly pace: NoticePace;
};

/** Prints on standard error, again and again, what the daemon waits for. */
function startNotices(options: NoticeOptions): { readonly stop: () => void } {
  const { client, service, terminal, pace } = options;
  const startedAt = performance.now();
  let stopped = false;
  const tell = async (): Promise<void> => {
    const status = await client.status(answerMs);
    if (stopped) return;
    const waited = Math.round((performance.now() - startedAt) / 1000);
    const text = status.ok
      ? formatWait(status.value, service)
      : formatProblem(status.problem, "the daemon");
    // On a terminal the first line is not complete yet.
    terminal.err(`${terminal.isTty ? "\n" : ""}clusvcadm-ts: waiting since ${waited} s: ${text}\n`);
    timer = setTimeout(() => void tell(), pace.everyMs);
  };
  let timer = setTimeout(() => void tell(), pace.firstMs);
  return {
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

function formatWait(status: ClusterStatus, name: ServiceName): string {
  if (status.services === null) return servicesUnavailable(status);
  const service = status.services.find((each) => each.name === name);
  if (service === undefined) return `${name} is not configured`;
  const where = service.owner === 0 ? "" : ` on ${nameOfNode(status, service.owner)}`;
  const wait = service.waitingFor === null ? "" : `, waiting for ${service.waitingFor}`;
  return `${name} is ${service.state}${where}${wait}`;
}

function formatProblem(problem: ControlProblem, socketPath: string): string {
  switch (problem.type) {
    case "unreachable":
      return `no clusterd answers at ${socketPath}: ${problem.text}`;
    case "timed-out":
      return `${socketPath}: no answer within ${problem.afterMs / 1000} s`;
    case "lost":
      return `${socketPath}: the connection ended before the reply (${problem.text})`;
    case "refused":
    case "malformed":
      return `${socketPath}: ${problem.text}`;
    default:
      return assertNever(problem);
  }
}
