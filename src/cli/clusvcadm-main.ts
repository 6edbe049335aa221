/**
 * The program clusvcadm-ts: connects the command to its process. Knows nothing of the cluster.
 * Tested in: test/cli/clusvcadm.test.ts
 */
import { clusvcadm, noticePace } from "./clusvcadm.ts";
import { processTerminal } from "./terminal.ts";

process.exitCode = await clusvcadm(process.argv.slice(2), processTerminal(), noticePace);
