/**
 * The program fence_check-ts: connects the command to its process. Knows no cluster.
 * Tested in: test/cli/fence-commands.test.ts
 */
import { fenceCheck } from "./fence-check.ts";
import { processTerminal } from "./terminal.ts";

process.exitCode = await fenceCheck(process.argv.slice(2), processTerminal());
