/** The program fence_check-ts: connects the command to its process. Knows no cluster. */
import { fenceCheck } from "./fence-check.ts";
import { processTerminal } from "./terminal.ts";

process.exitCode = await fenceCheck(process.argv.slice(2), processTerminal());
