/** The program fence_ack-ts: connects the command to its process. Knows nothing of the cluster. */
import { fenceAck } from "./fence-ack.ts";
import { processTerminal } from "./terminal.ts";

/** One line of standard input; empty when it ends. */
async function readLine(): Promise<string> {
  let line = "";
  for await (const part of process.stdin) {
    line += String(part);
    if (line.includes("\n")) break;
  }
  return line.split("\n", 1)[0] ?? "";
}

process.exitCode = await fenceAck(process.argv.slice(2), processTerminal(), readLine);
