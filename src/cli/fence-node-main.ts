/**
 * The program fence_node-ts: connects the command to its process. Knows no cluster.
 * Tested in: test/cli/fence-commands.test.ts
 */
import { fenceNode } from "./fence-node.ts";
import { processTerminal, readLine } from "./terminal.ts";

process.exitCode = await fenceNode(process.argv.slice(2), processTerminal(), readLine);
