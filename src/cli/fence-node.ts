/**
 * The command fence_node-ts: fences or unfences a node, or asks its devices for their state. Before
 * it fences, it prints which devices will be used.
 * Source: fence_node(8); cluster fence/fence_node/fence_node.c (texts, exit codes).
 * Deviation: the node's name has to be typed; the daemon runs the agents and tells the other
 * members when the node is off.
 * Tested in: test/cli/fence-commands.test.ts
 */
import { answerMs, type ControlProblem, problemText } from "../control/control-client.ts";
import { type OperatorClient, operatorClient } from "../control/operator-client.ts";
import type { RunReply } from "../control/operator-protocol.ts";
import { socketPathDefault } from "../control/protocol.ts";
import type { FencingStatus } from "../model/fencing-status.ts";
import type { Result } from "../model/outcome.ts";
import { version } from "../model/version.ts";
import { formatMistake, type OptionTable, parseArgs } from "./args.ts";
import type { ReadLine } from "./fence-ack.ts";
import { formatMethods } from "./fence-text.ts";
import { operatorName, type Terminal } from "./terminal.ts";

const table: OptionTable = {
  letters: "USVh?",
  names: { yes: true, socket: true, help: false, version: false },
};

const usage = `usage: fence_node-ts NODE [--yes NODE] | -U [NODE] | -S NODE
  NODE          switch this node off, or cut it off, by its fence devices
  --yes NODE    do not ask; the name must be given again
  -U [NODE]     unfence: give the node its devices back; without a name this node
  -S NODE       ask the devices of the node for their state; nothing is switched
  --socket PATH the daemon's control socket (else $CLUSTERD_SOCKET)
  -V, -h        version, this text
`;

type FenceOptions = {
  readonly action: "fence" | "unfence" | "device-status";
  readonly node: string | null;
  readonly yes: string | null;
  readonly socketPath: string;
};

const exits: Readonly<Record<RunReply["result"], number>> = {
  success: 0,
  failed: 1,
  undefined: 2,
  refused: 1,
  busy: 1,
};

/** Runs the command; returns its exit code. */
export async function fenceNode(
  words: readonly string[],
  terminal: Terminal,
  readLine: ReadLine,
): Promise<number> {
  const options = readOptions(words, terminal);
  if (typeof options === "number") return options;
  const client = operatorClient(options.socketPath);
  const fencing = await client.fencing(answerMs);
  if (!fencing.ok) return complain(terminal, problemText(fencing.problem));
  const self = fencing.value.nodes.find(({ id }) => id === fencing.value.localNode)?.name ?? "";
  const node = options.node ?? self;
  if (!fencing.value.nodes.some(({ name }) => name === node)) {
    return complain(terminal, `${node} is not a node of the configuration`);
  }
  const confirmed = await confirm(
    { ...options, node },
    { fencing: fencing.value, terminal, readLine },
  );
  if (!confirmed) return complain(terminal, "not confirmed, nothing was done");
  return tell(
    terminal,
    { action: options.action, node },
    await run(client, options, { node, terminal }),
  );
}

function readOptions(words: readonly string[], terminal: Terminal): FenceOptions | number {
  let options: FenceOptions = {
    action: "fence",
    node: null,
    yes: null,
    socketPath: terminal.env["CLUSTERD_SOCKET"] || socketPathDefault,
  };
  for (const arg of parseArgs(words, table)) {
    if (arg.type === "operand" && options.node === null) {
      options = { ...options, node: arg.text };
      continue;
    }
    if (arg.type !== "option") {
      const mistake = arg.type === "operand" ? `unexpected '${arg.text}'` : formatMistake(arg);
      return complain(terminal, `${mistake}\n${usage.trimEnd()}`);
    }
    const { name, value } = arg;
    if (name === "U") options = { ...options, action: "unfence" };
    else if (name === "S") options = { ...options, action: "device-status" };
    else if (name === "yes") options = { ...options, yes: value };
    else if (name === "socket") options = { ...options, socketPath: value };
    else {
      const text = name === "V" || name === "version" ? `fence_node-ts ${version}\n` : usage;
      terminal.out(text);
      return 0;
    }
  }
  if (options.node !== null || options.action === "unfence") return options;
  return complain(terminal, `no node given\n${usage.trimEnd()}`);
}

async function confirm(
  { action, node, yes }: FenceOptions & { readonly node: string },
  around: {
    readonly fencing: FencingStatus;
    readonly terminal: Terminal;
    readonly readLine: ReadLine;
  },
): Promise<boolean> {
  const methods = around.fencing.nodes.find(({ name }) => name === node)?.methods ?? [];
  // Without methods there is nothing to confirm: the daemon will refuse and say why.
  if (action !== "fence" || methods.length === 0) return true;
  if (yes !== null) return yes === node;
  around.terminal.out(
    `${node} will be switched off now, and its services with it, without being stopped:\n` +
      `${formatMethods(methods)}Type its name to confirm: `,
  );
  return (await around.readLine()).trim() === node;
}

function run(
  client: OperatorClient,
  { action }: FenceOptions,
  { node, terminal }: { readonly node: string; readonly terminal: Terminal },
): Promise<Result<RunReply, ControlProblem>> {
  return client.run(action, node, operatorName(terminal));
}

function tell(
  terminal: Terminal,
  { action, node }: { readonly action: FenceOptions["action"]; readonly node: string },
  reply: Result<RunReply, ControlProblem>,
): number {
  if (!reply.ok) return complain(terminal, problemText(reply.problem));
  const { result, lines, text } = reply.value;
  terminal.out(lines.map((line) => `${line}\n`).join(""));
  const verb = { fence: "fence", unfence: "unfence", "device-status": "status" }[action];
  (result === "success" ? terminal.out : terminal.err)(`${verb} ${node} ${result}: ${text}\n`);
  return exits[result];
}

function complain(terminal: Terminal, text: string): number {
  terminal.err(`fence_node-ts: ${text}\n`);
  return 1;
}
