/**
 * Status checks of 200 script services on one real node of three: are they on time, and does the
 * token notice? Each check writes down the uptime of the machine.
 */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RealCluster } from "../e2e/real-cluster.ts";
import { until } from "../netns/until.ts";

const serviceCount = 200;
const intervalSeconds = 10;
const watchedMs = 60_000;
const quietMs = 20_000;
const sampleMs = 1000;

type Rotation = { readonly meanMs: number; readonly maxMs: number; readonly p99Ms: number };

export async function runCheckBench(directory: string): Promise<void> {
  const files = writeServices(directory);
  const cluster = new RealCluster({ conf: files.conf, directory: join(directory, "net") });
  await cluster.start();
  try {
    for (const node of [1, 2, 3]) cluster.startDaemon(node);
    await cluster.until("three nodes", async () => {
      const nodes = (await cluster.status(1))?.nodes ?? [];
      return nodes.length === 3 && nodes.every(({ ready }) => ready);
    });
    const before = await rotations(cluster, quietMs);
    for (const name of files.names) await cluster.command(1, "clusvcadm-ts", "-e", name);
    await cluster.allStarted([1], 120_000);
    const sinceSeconds = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]);
    const during = await rotations(cluster, watchedMs);
    report(before, during, lateness(directory, files.names, sinceSeconds));
  } finally {
    await cluster.stop();
  }
}

/** The configuration, and one script for each service. */
function writeServices(directory: string): {
  readonly conf: string;
  readonly names: readonly string[];
} {
  const names = Array.from({ length: serviceCount }, (_, index) => `app${index}`);
  mkdirSync(join(directory, "checks"), { recursive: true });
  for (const name of names) {
    const script = join(directory, name);
    const log = join(directory, "checks", name);
    const note = `read up rest </proc/uptime; echo $up >>${log}`;
    writeFileSync(script, `#!/bin/sh\n[ "$1" != status ] || { ${note}; }\n`);
    chmodSync(script, 0o755);
  }
  const services = names.map(
    (name) => `<service name="${name}" domain="one" autostart="0">
      <script name="${name}" file="${join(directory, name)}">
        <action name="status" depth="*" interval="${intervalSeconds}"/>
      </script></service>`,
  );
  const nodes = [1, 2, 3].map((id) => `<clusternode name="node${id}.example.com" nodeid="${id}"/>`);
  const conf = join(directory, "cluster.conf");
  writeFileSync(
    conf,
    `<?xml version="1.0"?><cluster name="checks" config_version="1">
    <clusternodes>${nodes.join("")}</clusternodes>
    <rm status_poll_interval="1"><failoverdomains><failoverdomain name="one" restricted="1">
    <failoverdomainnode name="node1.example.com"/></failoverdomain></failoverdomains>
    ${services.join("\n")}</rm></cluster>\n`,
  );
  return { conf, names };
}

/** What the status says of the last rotations, once a second. */
async function rotations(cluster: RealCluster, forMs: number): Promise<readonly Rotation[]> {
  const found: Rotation[] = [];
  const endMs = performance.now() + forMs;
  let nextMs = performance.now();
  await until(
    async () => {
      if (performance.now() < nextMs) return performance.now() > endMs;
      nextMs += sampleMs;
      const rotation = (await cluster.status(1))?.ring.rotation ?? null;
      if (rotation !== null) found.push(rotation);
      return performance.now() > endMs;
    },
    { timeoutMs: forMs + 60_000 },
  );
  return found;
}

/** How far each interval between two checks is from what was configured, in seconds. */
function lateness(
  directory: string,
  names: readonly string[],
  sinceSeconds: number,
): readonly number[] {
  return names.flatMap((name) => {
    const text = readFileSync(join(directory, "checks", name), "utf8");
    const all = text.trim().split("\n").map(Number);
    const times = all.filter((at) => at >= sinceSeconds);
    return times.slice(1).map((at, index) => at - (times[index] ?? at) - intervalSeconds);
  });
}

function report(
  before: readonly Rotation[],
  during: readonly Rotation[],
  late: readonly number[],
): void {
  const sorted = late.toSorted((a, b) => Math.abs(a) - Math.abs(b));
  const p99 = sorted[Math.floor(sorted.length * 0.99)];
  if (p99 === undefined) {
    say("no service was checked twice: no figures");
    return;
  }
  const within = late.filter((each) => Math.abs(each) <= intervalSeconds / 10).length;
  say(
    `${serviceCount} script services, status every ${intervalSeconds} s: ${late.length} intervals`,
  );
  say(
    `  within 10 %: ${((within / late.length) * 100).toFixed(1)} %; p99 off by ${p99.toFixed(2)} s`,
  );
  say(`  token rotation before: ${words(before)}`);
  say(`  token rotation during: ${words(during)}`);
}

function words(rotations: readonly Rotation[]): string {
  const mean = rotations.reduce((sum, { meanMs }) => sum + meanMs, 0) / rotations.length;
  const longest = Math.max(...rotations.map(({ maxMs }) => maxMs));
  const p99 = Math.max(...rotations.map(({ p99Ms }) => p99Ms));
  const figures = { mean, "p99 at most": p99, longest };
  const parts = Object.entries(figures).map(([part, each]) => `${part} ${each.toFixed(1)} ms`);
  return parts.join(", ");
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
