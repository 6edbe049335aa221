/**
 * The program clustat-ts: connects the command to its process. Knows nothing of the cluster.
 * Tested in: test/cli/clustat.test.ts
 */
import { clustat } from "./clustat.ts";
import { processTerminal } from "./terminal.ts";

process.exitCode = await clustat(process.argv.slice(2), processTerminal());
