/**
 * The program fence_ack-ts: connects the command to its process. Knows nothing of the cluster.
 * Tested in: test/e2e/fence-scripts.test.ts
 */
import { fenceAck } from "./fence-ack.ts";
import { processTerminal, readLine } from "./terminal.ts";

process.exitCode = await fenceAck(process.argv.slice(2), processTerminal(), readLine);
