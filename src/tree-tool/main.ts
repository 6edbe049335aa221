/**
 * The program rg_test-ts: runs the command with the ports of its process.
 * Tested in: test/tree-tool/rg-test.test.ts
 */
import { processTerminal } from "../cli/terminal.ts";
import { readText } from "../io/files/text-file.ts";
import { askWholeDirectory } from "../io/processes/agent-metadata-run.ts";
import { rgTest } from "./rg-test.ts";
import { builtInRules } from "./tree-rule.ts";

const terminal = processTerminal();
process.exitCode = await rgTest(process.argv.slice(2), builtInRules(), {
  out: terminal.out,
  err: terminal.err,
  read: readText,
  agents: askWholeDirectory,
});
