/**
 * The program ccs-ts: runs the command with the ports of its process.
 * Tested in: test/conf-tool/ccs.test.ts
 */
import { processTerminal } from "../cli/terminal.ts";
import { confHash, parseContent, readHere } from "../daemon/loaded-conf.ts";
import { readWhole, replaceWhole } from "../io/files/atomic-file.ts";
import { accept, refuse } from "../model/outcome.ts";
import { ccs } from "./ccs.ts";

/** As the daemon keeps its file: the permissions of one that exists are kept. */
const mode = { kept: true, otherwise: 0o640 } as const;

process.exitCode = await ccs(process.argv.slice(2), {
  terminal: processTerminal(),
  read: async (file) => {
    const text = await readWhole(file);
    return text.ok ? accept(text.value) : refuse(text.problem.cause);
  },
  hashOf: confHash,
  write: async (file, text) => {
    const written = await replaceWhole(file, { text, mode });
    return written.ok ? null : written.problem.cause;
  },
  complaints: async (text, file) => (await readHere(parseContent(text), file)).outcome.complaints,
});
