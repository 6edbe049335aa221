/**
 * The command fence_check-ts: asks every fence device for its state, and switches none.
 * Source: fence_check(8); cluster fence/fence_node/fence_check.c (exit codes).
 * Deviation: it may run on every member, since each has its own connection to the devices.
 * Tested in: test/cli/fence-commands.test.ts
 */
import { problemText } from "../control/control-client.ts";
import { operatorClient } from "../control/operator-client.ts";
import type { RunReply } from "../control/operator-protocol.ts";
import { socketPathDefault } from "../control/protocol.ts";
import { version } from "../model/version.ts";
import { formatMistake, type OptionTable, parseArgs } from "./args.ts";
import { operatorName, type Terminal } from "./terminal.ts";

const table: OptionTable = {
  letters: "Vh?",
  names: { socket: true, help: false, version: false },
};

const usage = `usage: fence_check-ts [--socket PATH]
  Asks every fence device for its state, with the action status: nothing is switched.
  --socket PATH the daemon's control socket (else $CLUSTERD_SOCKET)
  -V, -h        version, this text
`;

const exitNoDaemon = 2;
const exits: Readonly<Record<RunReply["result"], number>> = {
  success: 0,
  undefined: 0,
  refused: 3,
  busy: 4,
  failed: 5,
};

/** Runs the command; returns its exit code. */
export async function fenceCheck(words: readonly string[], terminal: Terminal): Promise<number> {
  let socketPath = terminal.env["CLUSTERD_SOCKET"] || socketPathDefault;
  for (const arg of parseArgs(words, table)) {
    if (arg.type !== "option") {
      const mistake = arg.type === "operand" ? `unexpected '${arg.text}'` : formatMistake(arg);
      terminal.err(`fence_check-ts: ${mistake}\n${usage}`);
      return 1;
    }
    if (arg.name === "socket") socketPath = arg.value;
    else {
      const wanted = arg.name === "V" || arg.name === "version";
      terminal.out(wanted ? `fence_check-ts ${version}\n` : usage);
      return 0;
    }
  }
  const reply = await operatorClient(socketPath).check(operatorName(terminal));
  if (!reply.ok) {
    terminal.err(`fence_check-ts: ${problemText(reply.problem)}\n`);
    return reply.problem.type === "unreachable" ? exitNoDaemon : 1;
  }
  const { result, lines, text } = reply.value;
  terminal.out(lines.map((line) => `${line}\n`).join(""));
  (exits[result] === 0 ? terminal.out : terminal.err)(`fence_check-ts: ${text}\n`);
  return exits[result];
}
