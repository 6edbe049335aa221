/**
 * The program cman_tool-ts: connects the command to its process. Knows nothing of the cluster.
 * Tested in: test/cli/cman-tool.test.ts
 */
import { cmanTool } from "./cman-tool.ts";
import { processTerminal } from "./terminal.ts";

process.exitCode = await cmanTool(process.argv.slice(2), processTerminal());
