/**
 * The command fence_tool-ts: shows the fence domain, and lets an operator acknowledge a victim.
 * The layout of its output is in fence-text.ts.
 * Source: fence_tool(8); cluster fence/fence_tool/fence_tool.c.
 * Deviations: a node is in the domain exactly while it is a quorate member, so `join` and `leave`
 * are refused; `ack` is the command fence_ack-ts; `dump` prints JSON.
 * Tested in: test/cli/fence-commands.test.ts
 */
import { answerMs, problemText } from "../control/control-client.ts";
import { operatorClient } from "../control/operator-client.ts";
import { socketPathDefault } from "../control/protocol.ts";
import { version } from "../model/version.ts";
import { formatMistake, type OptionTable, parseArgs } from "./args.ts";
import { fenceAck, type ReadLine } from "./fence-ack.ts";
import { formatDomain } from "./fence-text.ts";
import type { Terminal } from "./terminal.ts";

const table: OptionTable = {
  letters: "nVh?",
  names: { socket: true, help: false, version: false },
};

const usage = `usage: fence_tool-ts ls [-n] | ack NODE [--yes NODE] | dump
  ls            the fence domain; exit status 1 when this node is not in it
    -n          with a line for each node
  ack NODE      the lost node is switched off, see fence_ack-ts(8)
  dump          all that is known of fencing, as JSON
  --socket PATH the daemon's control socket (else $CLUSTERD_SOCKET)
  -V, -h        version, this text
`;

const impossible: Readonly<Record<string, string>> = {
  join: "a node need not join: it is in the domain while it is a quorate member",
  leave: "a member cannot leave the domain alone; cman_tool-ts leave leaves the cluster, unfenced",
};

/** Runs the command; returns its exit code. */
export async function fenceTool(
  words: readonly string[],
  terminal: Terminal,
  readLine: ReadLine,
): Promise<number> {
  const [first, ...rest] = words;
  if (first === "ack") return await fenceAck(rest, terminal, readLine);
  let command: string | null = null;
  let nodes = false;
  let socketPath = terminal.env["CLUSTERD_SOCKET"] || socketPathDefault;
  for (const arg of parseArgs(words, table)) {
    if (arg.type === "operand" && command === null) {
      command = arg.text;
      continue;
    }
    if (arg.type !== "option") {
      return mistake(
        terminal,
        formatMistake(arg) ?? `unexpected '${"text" in arg ? arg.text : ""}'`,
      );
    }
    if (arg.name === "n") nodes = true;
    else if (arg.name === "socket") socketPath = arg.value;
    else {
      const wanted = arg.name === "V" || arg.name === "version";
      terminal.out(wanted ? `fence_tool-ts ${version}\n` : usage);
      return 0;
    }
  }
  const why = command === null ? "no command given" : impossible[command];
  if (why !== undefined) return mistake(terminal, why);
  if (command !== "ls" && command !== "dump")
    return mistake(terminal, `unknown command '${command}'`);
  if (nodes && command === "dump") return mistake(terminal, "dump does not take -n");
  return await show(terminal, { command, nodes, socketPath });
}

async function show(
  terminal: Terminal,
  query: { readonly command: "ls" | "dump"; readonly nodes: boolean; readonly socketPath: string },
): Promise<number> {
  const fencing = await operatorClient(query.socketPath).fencing(answerMs);
  if (!fencing.ok) {
    terminal.err(`fence_tool-ts: ${problemText(fencing.problem)}\n`);
    return 1;
  }
  if (query.command === "dump") {
    terminal.out(`${JSON.stringify(fencing.value, null, 2)}\n`);
    return 0;
  }
  if (!fencing.value.joined) return 1;
  terminal.out(formatDomain(fencing.value, query));
  return 0;
}

function mistake(terminal: Terminal, text: string): number {
  terminal.err(`fence_tool-ts: ${text}\n${usage}`);
  return 1;
}
