/**
 * qpid-ha for tests: commands, options, outputs and exit codes of the original, over AMQP 1.0.
 * Works with the stand-in and with a real broker. Source: qpid-cpp management/python/bin/qpid-ha.
 * Kept defects: a limit of 0 counts as not given, a heartbeat interval with a unit fails.
 */
import { readFileSync } from "node:fs";
import type { QmfClient, QmfValues } from "./qmf-client.ts";
import { asText } from "./qmf-values.ts";

const commands = ["ping", "status", "query", "replicate", "promote", "help", "help-all"] as const;
type Command = (typeof commands)[number];
type BrokerCommand = Exclude<Command, "help" | "help-all">;

const valued = new Set([
  "--broker",
  "--timeout",
  "--config",
  "--sasl-mechanism",
  "--sasl-service-name",
  "--ssl-certificate",
  "--ssl-key",
  "--expect",
]);
const flags = new Set(["--is-primary", "--all", "--cluster-manager", "--help", "-h"]);

type Request = {
  readonly command: Command | null;
  readonly options: ReadonlyMap<string, string>;
  readonly positional: readonly string[];
};

type Target = {
  readonly host: string;
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
  readonly timeoutMs: number | null;
};

const usage = `usage: qpid-ha <command> [<arguments>]

Commands are:

  ping          Tell by the exit status whether the broker answers.
  status        Print the state of the broker in its cluster.
  query         Print state, identity and cluster settings of the broker.
  replicate     Let this broker's queue follow the queue of the same name on another broker.

For help with a command type: qpid-ha <command> --help
`;

const optionTexts = `Options:
  -b, --broker ADDRESS     [user/password@]host[:port]
  --timeout SECONDS        give up after this time (10 without --config)
  --config FILE            take address, credentials and time limit from a qpidd.conf
  --sasl-mechanism NAME    mechanism for authentication
  --sasl-service-name NAME service name for authentication
  --ssl-certificate FILE   client certificate
  --ssl-key FILE           key of the certificate
  --expect STATUS          status: exit 0 only for exactly this status, print nothing
  --is-primary             status: exit 0 only for active or recovering, print nothing
  --all                    status, query: every address of the brokers URL
`;

/** An end with a status: 0, 1 with text on standard output, or 2 with text on standard error. */
class Exit extends Error {
  readonly code: number;

  constructor(code: number, text: string) {
    super(text);
    this.code = code;
  }
}

function parseRequest(argv: readonly string[]): Request {
  const options = new Map<string, string>();
  const positional: string[] = [];
  let command: Command | null = null;
  const pending = [...argv];
  for (let word = pending.shift(); word !== undefined; word = pending.shift()) {
    const [name = "", ...rest] = word.startsWith("--") ? word.split("=") : [word];
    const long = name === "-b" ? "--broker" : name;
    const named = commands.find((candidate) => candidate === word);
    if (flags.has(long)) options.set(long === "-h" ? "--help" : long, "");
    else if (valued.has(long)) {
      const value = rest.length > 0 ? rest.join("=") : pending.shift();
      if (value === undefined) throw new Exit(2, `${long} option requires 1 argument`);
      options.set(long, value);
    } else if (word.startsWith("-")) throw new Exit(2, `no such option: ${word}`);
    else if (command === null && named !== undefined) command = named;
    else positional.push(word);
  }
  return { command, options, positional };
}

function readConfig(path: string): ReadonlyMap<string, string> {
  const settings = new Map<string, string>();
  for (const line of readFileSync(path, "utf8").split("\n")) {
    const match = /^\s*([^#=\s]+)\s*=\s*(.*?)\s*$/.exec(line);
    if (match !== null) settings.set(match[1] ?? "", match[2] ?? "");
  }
  for (const [name, value] of Object.entries(process.env)) {
    if (name.startsWith("QPID_")) settings.set(name.slice(5).toLowerCase(), value ?? "");
  }
  return settings;
}

/** The original's rules: a limit of its own only without a configuration. */
function chooseTimeoutMs(
  options: ReadonlyMap<string, string>,
  config: ReadonlyMap<string, string> | null,
): number | null {
  const given = Number(options.get("--timeout") ?? "0");
  if (Number.isNaN(given)) {
    throw new Exit(
      2,
      `option --timeout: invalid floating-point value: '${options.get("--timeout")}'`,
    );
  }
  if (given > 0) return given * 1000;
  if (config === null) return 10_000;
  const text = config.get("ha-heartbeat-interval") ?? config.get("link-heartbeat-interval");
  if (text === undefined) return null;
  if (!/^[0-9]*\.?[0-9]+$/.test(text)) {
    throw new Exit(1, `ValueError: could not convert string to float: ${text}`);
  }
  return Number(text) * 1000;
}

function parseTarget(address: string, timeoutMs: number | null): Target {
  const match = /^(?:amqp:)?(?:([^/@]*)(?:\/([^@]*))?@)?(?:tcp:)?([^:]*)(?::([0-9]+))?$/.exec(
    address,
  );
  const [, username, password, host = "", port] = match ?? [];
  return {
    host: host === "" || host === "0.0.0.0" ? "127.0.0.1" : host,
    port: Number(port ?? 5672),
    timeoutMs,
    ...(username === undefined ? {} : { username, password: password ?? "" }),
  };
}

function chooseTarget(options: ReadonlyMap<string, string>): Target {
  const path = options.get("--config");
  const config = path === undefined ? null : readConfig(path);
  const timeoutMs = chooseTimeoutMs(options, config);
  const target = parseTarget(options.get("--broker") ?? "0.0.0.0", timeoutMs);
  const username = config?.get("ha-username");
  return {
    ...target,
    ...(options.has("--broker") ? {} : { port: Number(config?.get("port") ?? target.port) }),
    ...(username === undefined ? {} : { username, password: config?.get("ha-password") ?? "" }),
  };
}

async function withHaBroker<Value>(
  target: Target,
  act: (client: QmfClient, habroker: QmfValues) => Promise<Value> | Value,
): Promise<Value> {
  // Loaded only now: usage errors and help need no AMQP.
  const { QmfClient } = await import("./qmf-client.ts");
  const client = await QmfClient.open(target);
  const habroker = await client.habroker();
  if (habroker === null) {
    throw new Exit(1, `Exception: HA module is not loaded on broker at ${target.host}`);
  }
  const value = await act(client, habroker);
  client.close();
  return value;
}

async function ping(target: Target): Promise<void> {
  const { openAdmin } = await import("./qmf-client.ts");
  const connection = await openAdmin(target);
  const session = connection.create_session();
  const begun = new Promise<void>((resolve) => session.on("session_open", () => resolve()));
  session.begin();
  await begun;
}

function describeHaBroker(habroker: QmfValues, address?: string): string {
  const bytes = habroker["systemId"];
  const id = Buffer.isBuffer(bytes) ? bytes.toString("hex") : "";
  const rows = [
    ...(address === undefined ? [] : [["Address:", address]]),
    ["Status:", asText(habroker["status"])],
    ["Broker ID:", id.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-")],
    ["Brokers URL:", asText(habroker["brokersUrl"])],
    ["Public URL:", asText(habroker["publicUrl"])],
    ["Replicate: ", asText(habroker["replicateDefault"])],
  ];
  const lines = rows.map(([label = "", value = ""]) => `${label.padEnd(20)} ${value}`);
  return lines.join("\n") + (address === undefined ? "" : "\n");
}

async function forAll(
  target: Target,
  describe: (address: string, habroker: QmfValues) => string,
): Promise<string> {
  const url = await withHaBroker(target, (_, habroker) => asText(habroker["brokersUrl"]));
  const lines: string[] = [];
  for (const part of url.replace(/^amqp:/, "").split(",")) {
    const address = part.replace(/^.*@/, "").replace(/^tcp:/, "");
    const { host, port } = parseTarget(address, null);
    const line = await withHaBroker({ ...target, host, port }, (_, habroker) =>
      describe(address, habroker),
    ).catch(
      (error: unknown) => `${address} ${describeFailure(error).replace("ConnectError: ", "")}`,
    );
    lines.push(line);
  }
  return lines.join("\n");
}

async function status({ options }: Request, target: Target): Promise<string> {
  if (options.has("--all")) {
    return forAll(target, (address, habroker) => `${address} ${asText(habroker["status"])}`);
  }
  const state = await withHaBroker(target, (_, habroker) => asText(habroker["status"]));
  const expected = options.get("--expect");
  if (expected !== undefined) throw new Exit(state === expected ? 0 : 1, "");
  if (!options.has("--is-primary")) return state;
  throw new Exit(state === "active" || state === "recovering" ? 0 : 1, "");
}

/** What the command prints. */
async function run(request: Request): Promise<string> {
  const { command, options, positional } = request;
  if (command === "help-all") return `${usage}\n${optionTexts}`;
  if (command === "help" || options.has("--help")) return usage;
  if (command === null) throw new Exit(1, `${usage}\nException: No valid command`);
  if (command === "promote" && !options.has("--cluster-manager")) {
    throw new Exit(1, "Exception: The promote command is for cluster managers only");
  }
  const wanted = command === "replicate" ? 2 : 0;
  if (positional.length !== wanted) {
    throw new Exit(1, `${usage}\nException: Wrong number of arguments`);
  }
  return perform(command, request, chooseTarget(options));
}

async function perform(command: BrokerCommand, request: Request, target: Target): Promise<string> {
  const { options, positional } = request;
  switch (command) {
    case "ping":
      await ping(target);
      return "";
    case "status":
      return status(request, target);
    case "query":
      return options.has("--all")
        ? forAll(target, (address, habroker) => describeHaBroker(habroker, address))
        : withHaBroker(target, (_, habroker) => describeHaBroker(habroker));
    case "promote":
      return withHaBroker(target, async (client) => {
        await client.promote();
        return "";
      });
    case "replicate":
      return withHaBroker(target, async (client) => {
        const [queue = "", broker = ""] = positional;
        await client.replicate(broker, queue);
        return "";
      });
  }
}

function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof Exit) return error.message;
  if ("code" in error && "text" in error) {
    const values = `{u'error_code': ${String(error.code)}, u'error_text': '${String(error.text)}'}`;
    return `Exception: Exception from Agent: ${values}`;
  }
  if (/ECONNREFUSED/.test(error.message)) return "ConnectError: [Errno 111] Connection refused";
  return `${error.name}: ${error.message}`;
}

const outcome = await Promise.resolve()
  .then(() => run(parseRequest(process.argv.slice(2))))
  .then((text) => ({ code: 0, text }))
  .catch((error: unknown) => ({
    code: error instanceof Exit ? error.code : 1,
    text: describeFailure(error),
  }));
const stream = outcome.code === 2 ? process.stderr : process.stdout;
if (outcome.code === 2) stream.write("Usage: qpid-ha <command> [<arguments>]\n\nqpid-ha: error: ");
stream.write(outcome.text === "" ? "" : `${outcome.text}\n`, () => process.exit(outcome.code));
