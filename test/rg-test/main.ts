/** The classic format as a program: `test CONF`, `noop CONF ACTION TYPE NAME`, `delta OLD NEW`. */
import { readText } from "../../src/io/files/text-file.ts";
import { classicRgTest } from "./classic.ts";

await classicRgTest(process.argv.slice(2), {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  read: readText,
});
