/**
 * The command qpid-ha-ts: asks a broker for its state in its cluster, or promotes it. It talks to
 * the broker itself, and needs no clusterd.
 * Source: qpid-ha(1); qpid-cpp management/python/bin/qpid-ha, whose output and exit codes it has.
 * Deviation: `--expect primary` matches active and recovering; brokers are asked all at once with
 * `--all`; the command `replicate` is left to qpid-ha.
 * Tested in: test/cli/qpid-ha-command.test.ts
 */
import { isPrimaryState } from "../brokers/broker-state.ts";
import type { BrokerStatus } from "../brokers/broker-status.ts";
import { formatBrokerAddress, parseBrokersUrl } from "../brokers/qpidd-conf.ts";
import type {
  BrokerAskProblem,
  BrokerConnections,
  BrokerConnectProblem,
  BrokerTarget,
} from "../io/broker-port.ts";
import { readQpiddConfFile } from "../io/qpidd-conf-file.ts";
import { qpiddConfDefault } from "../model/broker-defaults.ts";
import { accept, assertNever, type Result, refuse } from "../model/outcome.ts";
import { version } from "../model/version.ts";
import { parseArgs } from "./args.ts";
import {
  chooseQpidHaTarget,
  type QpidHaCommand,
  type QpidHaRequest,
  type QpidHaTarget,
  qpidHaTable,
  readQpidHaRequest,
} from "./qpid-ha-options.ts";
import type { Terminal } from "./terminal.ts";

const usage = `usage: qpid-ha-ts COMMAND [options]
  ping                    exit code 0 when the broker accepts connections
  status                  the state of the broker: joining, catchup, ready, recovering, active
  query                   state, identity and cluster settings of the broker
  promote                 makes the broker primary; for cluster managers only

  -b, --broker ADDRESS    [user/password@]host[:port], else this machine
  --timeout SECONDS       for the connection and for each answer; 0: ten minutes
  --config FILE           a qpidd.conf: port, account and time limit
  --sasl-mechanism NAME   PLAIN or ANONYMOUS
  --expect STATUS         status: exit code 0 for this state only; primary: active or recovering
  --is-primary            status: exit code 0 for active or recovering only
  --all                   status, query: every broker of the cluster
  --cluster-manager       promote: says that the caller rules out a second primary
  -V, --version           version
  -h, --help              this text
`;

type Reply = { readonly text: string; readonly exit: number };

/** Runs the command; returns its exit code. Errors go to standard output, as with qpid-ha. */
export async function qpidHa(
  words: readonly string[],
  terminal: Terminal,
  brokers: BrokerConnections,
): Promise<number> {
  const request = readQpidHaRequest(parseArgs(words, qpidHaTable));
  if (!request.ok) {
    terminal.err(`${usage}\nqpid-ha-ts: error: ${request.problem}\n`);
    return 2;
  }
  const { command } = request.value;
  if (command === "help" || command === "version") {
    terminal.out(command === "help" ? usage : `qpid-ha-ts ${version}\n`);
    return 0;
  }
  const refusal = refusalOf(request.value);
  if (refusal !== null || command === null) {
    terminal.out(`${refusal}\n`);
    return 1;
  }
  const target = await readTarget(request.value, terminal);
  const { text, exit } = target.ok
    ? await new Asking(brokers, target.value, request.value).run(command)
    : failure(target.problem);
  if (text !== "") terminal.out(`${text}\n`);
  return exit;
}

function refusalOf({ command, surplus, mayPromote }: QpidHaRequest): string | null {
  if (command === null) return `${usage}\nException: No valid command`;
  if (command === "promote" && !mayPromote) {
    return "Exception: The promote command is for cluster managers: it needs --cluster-manager";
  }
  return surplus.length > 0 ? `${usage}\nException: Wrong number of arguments` : null;
}

async function readTarget(
  request: QpidHaRequest,
  terminal: Terminal,
): Promise<Result<QpidHaTarget, string>> {
  const { config, broker } = request;
  const path = config ?? (broker === null ? qpiddConfDefault : null);
  if (path === null) return chooseQpidHaTarget(request, null, terminal.env);
  const file = await readQpiddConfFile(path);
  if (!file.ok) {
    if (config !== null) return refuse(`IOError: ${path}: ${file.problem}`);
    return chooseQpidHaTarget(request, null, terminal.env);
  }
  const { text, exposedBy } = file.value;
  if (exposedBy !== null && /^\s*ha-password\s*=/m.test(text)) {
    // Not refused: a script would take the failure for a broker that is no primary, and kill it.
    const remedy = `chown it to the account of qpidd and chmod 0600 ${path}`;
    terminal.err(`qpid-ha-ts: ${path} has a password and mode ${exposedBy}: ${remedy}\n`);
  }
  return chooseQpidHaTarget(request, text, terminal.env);
}

class Asking {
  readonly #brokers: BrokerConnections;
  readonly #target: BrokerTarget;
  readonly #limitMs: number;
  readonly #request: QpidHaRequest;

  constructor(brokers: BrokerConnections, target: QpidHaTarget, request: QpidHaRequest) {
    this.#brokers = brokers;
    this.#target = target.target;
    this.#limitMs = target.limitMs;
    this.#request = request;
  }

  async run(command: QpidHaCommand): Promise<Reply> {
    switch (command) {
      case "ping":
        return this.#ping();
      case "status":
        return this.#status();
      case "query":
        return this.#query();
      case "promote":
        return this.#promote();
      default:
        return assertNever(command);
    }
  }

  async #ping(): Promise<Reply> {
    const result = await this.#brokers.ping(this.#target, this.#limitMs);
    return result.ok ? success("") : failure(connectText(result.problem));
  }

  async #status(): Promise<Reply> {
    const { all, expect, isPrimary } = this.#request;
    if (all) return this.#all((address, { state }) => `${address} ${state}`);
    const status = await this.#ask(this.#target);
    if (!status.ok) return failure(status.problem);
    const { state } = status.value;
    if (expect === null && !isPrimary) return success(state);
    const matches =
      expect === null || expect === "primary" ? isPrimaryState(state) : state === expect;
    return { text: "", exit: matches ? 0 : 1 };
  }

  async #query(): Promise<Reply> {
    if (this.#request.all) {
      return this.#all((address, status) => `${describe(status, address)}\n`);
    }
    const status = await this.#ask(this.#target);
    return status.ok ? success(describe(status.value, null)) : failure(status.problem);
  }

  async #promote(): Promise<Reply> {
    const limits = { connectMs: this.#limitMs, answerMs: this.#limitMs };
    const result = await this.#brokers.promote(this.#target, limits);
    switch (result.type) {
      case "promoted":
        return success("");
      case "refused":
        return failure(agentText(result.refusal));
      case "not-asked":
        return failure(connectText(result.problem));
      case "unknown": {
        const remedy = "kill this broker before another one is promoted";
        return failure(`Timeout: ${result.words}; it may still be promoted: ${remedy}`);
      }
      default:
        return assertNever(result);
    }
  }

  /** Exit code 0 when the first broker answers, whatever the others do. */
  async #all(format: (address: string, status: BrokerStatus) => string): Promise<Reply> {
    const first = await this.#ask(this.#target);
    if (!first.ok) return failure(first.problem);
    const url = parseBrokersUrl(first.value.brokersUrl);
    if (!url.ok) return failure(`ValueError: cannot read ${url.problem} of the brokers`);
    const lines = url.value.map(async ({ host, port }) => {
      const address = formatBrokerAddress({ host, port });
      const status = await this.#ask({ ...this.#target, host, port });
      if (status.ok) return format(address, status.value);
      return `${address} ${status.problem.replace("ConnectError: ", "")}`;
    });
    return success((await Promise.all(lines)).join("\n"));
  }

  async #ask(target: BrokerTarget): Promise<Result<BrokerStatus, string>> {
    const connection = this.#brokers.connect(target, this.#limitMs, null);
    const opened = await connection.opened;
    if (!opened.ok) return refuse(connectText(opened.problem));
    const status = await connection.status(this.#limitMs);
    connection.close();
    return status.ok ? accept(status.value) : refuse(askText(status.problem, target.host));
  }
}

function success(text: string): Reply {
  return { text, exit: 0 };
}

function failure(text: string): Reply {
  return { text, exit: 1 };
}

function describe(status: BrokerStatus, address: string | null): string {
  const rows: readonly (readonly [string, string])[] = [
    ...(address === null ? [] : [["Address:", address] as const]),
    ["Status:", status.state],
    ["Broker ID:", status.systemId],
    ["Brokers URL:", status.brokersUrl],
    ["Public URL:", status.publicUrl],
    ["Replicate: ", status.replicateDefault],
  ];
  return rows.map(([label, value]) => `${label.padEnd(20)} ${value}`).join("\n");
}

/** The names are those of the exceptions of qpid-ha. */
function connectText(problem: BrokerConnectProblem): string {
  switch (problem.type) {
    case "unreachable":
      return problem.code === "ECONNREFUSED"
        ? "ConnectError: [Errno 111] Connection refused"
        : `ConnectError: ${problem.words}`;
    case "timed-out":
      return "Timeout: Connection attach timed out";
    case "dropped":
      return `ConnectionError: ${problem.words}`;
    case "refused":
      return `AuthenticationFailure: ${problem.words}`;
    default:
      return assertNever(problem);
  }
}

function askText(problem: BrokerAskProblem, host: string): string {
  switch (problem.type) {
    case "timed-out":
      return `Timeout: ${problem.words}`;
    case "disconnected":
      return `ConnectionError: ${problem.words}`;
    case "refused":
      return agentText(problem.refusal);
    case "absent":
      return `Exception: HA module is not loaded on broker at ${host}`;
    case "misfit":
      return `ValueError: the answer of the broker: ${problem.misfit.part} ${problem.misfit.text}`;
    default:
      return assertNever(problem);
  }
}

function agentText({ code, words }: { readonly code: number; readonly words: string }): string {
  const values = `{u'error_code': ${code}, u'error_text': '${words}'}`;
  return `Exception: Exception from Agent: ${values}`;
}
