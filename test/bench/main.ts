/**
 * Benchmarks: prints figures with the limits they are measured against; asserts nothing.
 * `npm run bench -- ring [--transport udpu] [--seconds N] [--sizes 64,1024] [--normal-priority]`
 * Exit status 77 where namespaces are missing.
 */
import { parseArgs } from "node:util";
import { enterOrSkip } from "../netns/enter.ts";

const { values, positionals } = parseArgs({
  options: {
    transport: { type: "string" },
    seconds: { type: "string" },
    sizes: { type: "string" },
    "normal-priority": { type: "boolean" },
  },
  allowPositionals: true,
});
if (positionals.join() !== "ring" || !["udp", "udpu", undefined].includes(values.transport)) {
  process.stderr.write("usage: npm run bench -- ring [options, see test/bench/main.ts]\n");
  process.exit(1);
}
await enterOrSkip();
const { runRingBench, sizesDefault } = await import("./ring-bench.ts");
await runRingBench({
  transport: values.transport === "udpu" ? "udpu" : "udp",
  sizes: values.sizes?.split(",").map(Number) ?? sizesDefault,
  realtime: values["normal-priority"] !== true,
  runMs: Math.max(0.2, Number(values.seconds ?? "1")) * 1000,
});
process.exit(0);
