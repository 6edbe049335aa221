/**
 * Benchmarks: prints figures with the limits they are measured against; asserts nothing.
 * `npm run bench -- ring [--transport udpu] [--seconds N] [--sizes 64,1024] [--normal-priority]`
 * `npm run bench -- flood [--transport udpu] [--seconds N]`: the ring while a stranger sends one
 * node all it can
 * `npm run bench -- services`: the table with 500 services, and the checks of 200 real ones
 * `npm run bench -- failover [--work native,scripts,echo] [--profile normal,lan-fast] [--runs N]
 * [--peers keepalived,pacemaker] [--totem 'token="300"'] [--only SCENE] [--directory DIR]`:
 * how long a client goes without an answer, scene by scene, of brokers without and with init
 * scripts and of a plain service, and where the time goes. Peers, where they are installed, run the
 * plain service beside clusterd. --totem replaces --profile; DIR keeps the logs.
 * Exit status 77 where namespaces are missing.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { enterOrSkip } from "../netns/enter.ts";

const { values, positionals } = parseArgs({
  options: {
    transport: { type: "string" },
    seconds: { type: "string" },
    sizes: { type: "string" },
    "normal-priority": { type: "boolean" },
    runs: { type: "string" },
    totem: { type: "string" },
    profile: { type: "string" },
    peers: { type: "string" },
    only: { type: "string" },
    work: { type: "string" },
    directory: { type: "string" },
  },
  allowPositionals: true,
});
const [what = ""] = positionals;
if (
  !["ring", "flood", "services", "failover"].includes(what) ||
  !["udp", "udpu", undefined].includes(values.transport)
) {
  process.stderr.write(
    "usage: npm run bench -- ring|flood|services|failover [options, see test/bench/main.ts]\n",
  );
  process.exit(1);
}
await enterOrSkip();
if (what === "services") {
  const { runTableBench } = await import("./table-bench.ts");
  runTableBench();
  const { runCheckBench } = await import("./check-bench.ts");
  const directory = mkdtempSync(join(tmpdir(), "clusterd-bench-"));
  try {
    await runCheckBench(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
} else if (what === "failover") {
  const { runFailoverBench } = await import("./failover/failover-bench.ts");
  await runFailoverBench(values);
} else if (what === "flood") {
  const { runFloodBench } = await import("./flood-bench.ts");
  await runFloodBench({
    transport: values.transport === "udpu" ? "udpu" : "udp",
    realtime: values["normal-priority"] !== true,
    runMs: Math.max(1, Number(values.seconds ?? "3")) * 1000,
  });
} else {
  const { runRingBench, sizesDefault } = await import("./ring-bench.ts");
  await runRingBench({
    transport: values.transport === "udpu" ? "udpu" : "udp",
    sizes: values.sizes?.split(",").map(Number) ?? sizesDefault,
    realtime: values["normal-priority"] !== true,
    runMs: Math.max(0.2, Number(values.seconds ?? "1")) * 1000,
  });
}
process.exit(0);
