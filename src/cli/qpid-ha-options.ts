/**
 * The command line of qpid-ha-ts, and what it and a qpidd.conf say together: which broker is asked,
 * as whom, and for how long.
 * Source: qpid-ha(1); qpid-cpp management/python/bin/qpid-ha.
 * Deviation: a time limit always exists; `--timeout 0` is ten minutes. An interval with a unit is
 * read as the broker reads it. An account in the address takes precedence over the file.
 * Tested in: test/cli/qpid-ha-command.test.ts
 */
import { type BrokerCredentials, chooseCredentials } from "../brokers/broker-account.ts";
import { parseBrokersUrl, parseQpiddConf, parseQpiddInterval } from "../brokers/qpidd-conf.ts";
import type { BrokerTarget } from "../io/broker-port.ts";
import { accept, type Result, refuse } from "../model/outcome.ts";
import { quoted } from "../model/visible-text.ts";
import { type Arg, formatMistake, type OptionTable } from "./args.ts";
import type { Terminal } from "./terminal.ts";

export const qpidHaTable: OptionTable = {
  letters: "b:Vh?",
  names: {
    broker: true,
    timeout: true,
    config: true,
    "sasl-mechanism": true,
    expect: true,
    "is-primary": false,
    all: false,
    "cluster-manager": false,
    help: false,
    version: false,
  },
};

const commands = ["ping", "status", "query", "promote"] as const;
export type QpidHaCommand = (typeof commands)[number];

export type QpidHaRequest = {
  readonly command: QpidHaCommand | "help" | "version" | null;
  /** What follows the command and is no option. */
  readonly surplus: readonly string[];
  readonly broker: string | null;
  readonly config: string | null;
  readonly mechanism: string | null;
  /** Null: not given. */
  readonly timeoutMs: number | null;
  readonly expect: string | null;
  readonly isPrimary: boolean;
  readonly all: boolean;
  readonly mayPromote: boolean;
};

const nothing: QpidHaRequest = {
  command: null,
  surplus: [],
  broker: null,
  config: null,
  mechanism: null,
  timeoutMs: null,
  expect: null,
  isPrimary: false,
  all: false,
  mayPromote: false,
};

const timeoutMsDefault = 10_000;
/** For `--timeout 0`: longer than any promotion waits for peers that are silent. */
const timeoutMsMax = 600_000;

/** A mistake is in the words that follow `qpid-ha-ts: error: `. */
export function readQpidHaRequest(args: readonly Arg[]): Result<QpidHaRequest, string> {
  let request = nothing;
  for (const arg of args) {
    if (arg.type === "operand") {
      request = withOperand(request, arg.text);
      continue;
    }
    if (arg.type !== "option") return refuse(formatMistake(arg) ?? "");
    if (arg.name === "timeout") {
      const timeoutMs = parseTimeout(arg.value);
      if (timeoutMs === null) {
        return refuse(`option --timeout: ${quoted(arg.value)} is not a number of seconds`);
      }
      request = { ...request, timeoutMs };
    } else request = { ...request, ...optionOf(arg.name, arg.value) };
  }
  return accept(request);
}

function withOperand(request: QpidHaRequest, text: string): QpidHaRequest {
  const command = commands.find((name) => name === text);
  if (request.command === null && command !== undefined) return { ...request, command };
  const help = text === "help" || text === "help-all";
  if (request.command === null && help) return { ...request, command: "help" };
  return { ...request, surplus: [...request.surplus, text] };
}

function optionOf(name: string, value: string): Partial<QpidHaRequest> {
  switch (name) {
    case "b":
    case "broker":
      return { broker: value };
    case "config":
      return { config: value };
    case "sasl-mechanism":
      return { mechanism: value };
    case "expect":
      return { expect: value };
    case "is-primary":
      return { isPrimary: true };
    case "all":
      return { all: true };
    case "cluster-manager":
      return { mayPromote: true };
    case "V":
    case "version":
      return { command: "version" };
    default:
      return { command: "help" };
  }
}

function parseTimeout(text: string): number | null {
  if (!/^(\d+\.?\d*|\.\d+)$/.test(text)) return null;
  const timeoutMs = Number(text) * 1000;
  return timeoutMs === 0 ? timeoutMsMax : Math.min(Math.max(timeoutMs, 1), timeoutMsMax);
}

/** Whom to ask, and how long to wait for a connection and for each answer. */
export type QpidHaTarget = { readonly target: BrokerTarget; readonly limitMs: number };

type Setting = (key: string) => string | undefined;

/** `conf`: the text of a qpidd.conf, or null without one. The environment takes precedence. */
export function chooseQpidHaTarget(
  request: QpidHaRequest,
  conf: string | null,
  env: Terminal["env"],
): Result<QpidHaTarget, string> {
  const written = conf === null ? null : parseQpiddConf(conf).written;
  const setting: Setting = (key) => {
    if (written === null) return undefined;
    return env[`QPID_${key.toUpperCase().replaceAll("-", "_")}`] ?? written.get(key)?.value;
  };
  const address = parseAddress(request.broker ?? `0.0.0.0:${setting("port") ?? ""}`);
  if (address === null) {
    const form = "[user/password@]host[:port]";
    return refuse(`ValueError: ${quoted(request.broker ?? "port")} is not ${form}`);
  }
  const credentials = credentialsFor(request, address, setting);
  if (!credentials.ok) return credentials;
  const { host, port } = address;
  const limitMs = request.timeoutMs ?? limitOf(setting);
  return accept({ target: { host, port, credentials: credentials.value }, limitMs });
}

type Address = {
  readonly host: string;
  readonly port: number;
  readonly username: string | null;
  readonly password: string;
};

function parseAddress(text: string): Address | null {
  const at = text.lastIndexOf("@");
  const url = parseBrokersUrl(text.slice(at + 1).replace(/:$/, ""));
  const [first, ...others] = url.ok ? url.value : [];
  if (first === undefined || others.length > 0) return null;
  // The address that a broker listens on stands for this machine.
  const host = first.host === "0.0.0.0" ? "127.0.0.1" : first.host;
  const account = at < 0 ? "" : text.slice(0, at).replace(/^amqp:/, "");
  const slash = account.indexOf("/");
  const username = slash < 0 ? account : account.slice(0, slash);
  return {
    host,
    port: first.port,
    username: username === "" ? null : username,
    password: slash < 0 ? "" : account.slice(slash + 1),
  };
}

function credentialsFor(
  request: QpidHaRequest,
  address: Address,
  setting: Setting,
): Result<BrokerCredentials, string> {
  const named = setting("ha-username") ?? "";
  const account =
    address.username === null
      ? { username: named, password: setting("ha-password") ?? "" }
      : { username: address.username, password: address.password };
  const wanted = request.mechanism ?? setting("ha-mechanism") ?? "";
  const chosen = chooseCredentials(wanted, account);
  if (chosen.ok) return chosen;
  if (chosen.problem === "no-user") {
    return refuse(
      "AuthenticationFailure: PLAIN needs a user: -b user/password@host, or ha-username",
    );
  }
  const known = "use PLAIN or ANONYMOUS";
  return refuse(
    `AuthenticationFailure: the mechanism ${quoted(wanted)} is not supported; ${known}`,
  );
}

function limitOf(setting: Setting): number {
  const interval = setting("ha-heartbeat-interval") ?? setting("link-heartbeat-interval");
  const intervalMs = interval === undefined ? null : parseQpiddInterval(interval);
  return intervalMs === null || intervalMs < 1 ? timeoutMsDefault : intervalMs;
}
