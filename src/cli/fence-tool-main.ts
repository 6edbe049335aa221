/**
 * The program fence_tool-ts: connects the command to its process. Knows no cluster.
 * Tested in: test/cli/fence-commands.test.ts
 */
import { fenceTool } from "./fence-tool.ts";
import { processTerminal, readLine } from "./terminal.ts";

process.exitCode = await fenceTool(process.argv.slice(2), processTerminal(), readLine);
