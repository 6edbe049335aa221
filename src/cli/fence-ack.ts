/**
 * The command fence_ack-ts: an operator acknowledges that a lost node is off, so that its services
 * start elsewhere. The node's name must be typed: if the node is not off, services run twice.
 * Source: fence_ack_manual(8).
 * Deviation: the name is typed instead of `absolutely`; the daemon refuses a node that is no
 * victim.
 */
import { answerMs, controlClient } from "../control/control-client.ts";
import { socketPathDefault } from "../control/protocol.ts";
import { version } from "../model/version.ts";
import { formatMistake, type OptionTable, parseArgs } from "./args.ts";
import { operatorName, type Terminal } from "./terminal.ts";

const table: OptionTable = {
  letters: "vh?",
  names: { yes: true, socket: true, help: false, version: false },
};

const usage = `usage: fence_ack-ts NODE [--yes NODE] [--socket PATH]
  NODE          the lost node that you have switched off, or seen switched off
  --yes NODE    do not ask; the name must be given again
  --socket PATH the daemon's control socket (else $CLUSTERD_SOCKET)
  -v, -h        version, this text
`;

type AckRequest = {
  readonly node: string;
  readonly yes: string | null;
  readonly socketPath: string;
};

/** Reads the line that the operator types. */
export type ReadLine = () => Promise<string>;

/** Runs the command; returns its exit code. */
export async function fenceAck(
  words: readonly string[],
  terminal: Terminal,
  readLine: ReadLine,
): Promise<number> {
  const request = readOptions(words, terminal);
  if (typeof request === "number") return request;
  const { node, yes, socketPath } = request;
  let typed = yes;
  if (typed === null) {
    terminal.out(
      `If ${node} is still running, its services will run twice and data will be lost.\n` +
        `Continue only if ${node} is switched off. Type its name to confirm: `,
    );
    typed = (await readLine()).trim();
  }
  if (typed !== node) {
    terminal.err("fence_ack-ts: not confirmed, nothing was done\n");
    return 1;
  }
  const client = controlClient(socketPath);
  const reply = await client.acknowledge(node, operatorName(terminal), answerMs);
  if (!reply.ok) {
    const { problem } = reply;
    const text = "text" in problem ? problem.text : `no answer within ${problem.afterMs} ms`;
    terminal.err(`fence_ack-ts: ${text}\n`);
    return 1;
  }
  (reply.value.accepted ? terminal.out : terminal.err)(`${reply.value.text}\n`);
  return reply.value.accepted ? 0 : 1;
}

function readOptions(words: readonly string[], terminal: Terminal): AckRequest | number {
  let node: string | null = null;
  let yes: string | null = null;
  let socketPath = terminal.env["CLUSTERD_SOCKET"] || socketPathDefault;
  for (const arg of parseArgs(words, table)) {
    if (arg.type === "operand" && node === null) {
      node = arg.text;
      continue;
    }
    if (arg.type !== "option") {
      const mistake = arg.type === "operand" ? `unexpected '${arg.text}'` : formatMistake(arg);
      terminal.err(`fence_ack-ts: ${mistake}\n${usage}`);
      return 1;
    }
    const { name, value } = arg;
    if (name === "yes") yes = value;
    else if (name === "socket") socketPath = value;
    else {
      terminal.out(name === "v" || name === "version" ? `${version}\n` : usage);
      return 0;
    }
  }
  if (node !== null) return { node, yes, socketPath };
  terminal.err(usage);
  return 1;
}
