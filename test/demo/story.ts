/**
 * The steps of the demonstration, each with its duration and what clustat-ts then shows.
 */
import { join } from "node:path";
import { primary, project, RealCluster } from "../e2e/real-cluster.ts";
import { serviceAddress } from "../netns/node-files.ts";
import { indent, perform, say, step } from "./stage.ts";

type Report = {
  readonly sent: number;
  readonly acknowledged: number;
  readonly received: number;
  readonly duplicated: number;
  readonly lost: number;
  readonly longestGapMs: number;
};

/** Exit status: 0 when nothing acknowledged was lost. */
export function runDemo(): Promise<number> {
  const cluster = new RealCluster();
  return perform(
    async () => {
      const began = performance.now();
      await cluster.start();
      const report = await play(cluster);
      summarise(report, performance.now() - began);
      return report.lost === 0 && report.acknowledged > 0;
    },
    () => cluster.stop(),
  );
}

async function play(cluster: RealCluster): Promise<Report> {
  say("Three nodes on a bridge, each with its own network, /etc and /run; the configuration is");
  say("the one that the Apache Qpid manual prints; the client knows 20.0.20.200 only.\n");
  await step(cluster, "formation: three daemons started at once", async () => {
    cluster.startAll();
    await cluster.allStarted([1, 2, 3]);
    return 1;
  });
  const load = cluster.net.spawnClient([
    process.execPath,
    join(project, "build/test/broker/load.js"),
    `${serviceAddress}:5672`,
    "--rate",
    "200",
  ]);
  const first = await cluster.started(1, primary);
  await step(cluster, "clusvcadm-ts -r qpidd-primary-service", async () => {
    const moved = await cluster.command(first, "clusvcadm-ts", "-r", "qpidd-primary-service");
    say(indent(moved.stdout + moved.stderr));
    await cluster.allStarted([1, 2, 3]);
    return first;
  });
  const second = await cluster.started(first, primary);
  await step(cluster, `SIGKILL of the primary broker on node${second}`, async () => {
    for (const pid of cluster.brokers(second)) process.kill(pid, "SIGKILL");
    await cluster.until("failover", async () => {
      const service = await cluster.service(second, primary);
      return service?.state === "started" && service.owner !== second;
    });
    await cluster.allStarted([1, 2, 3]);
    return second;
  });
  const third = await cluster.started(second, primary);
  const others = [1, 2, 3].filter((node) => node !== third);
  const witness = others[0] ?? 1;
  await step(cluster, `isolation of node${third}, which runs the primary`, async () => {
    await cluster.net.cut(third);
    await cluster.until("takeover", async () => {
      const service = await cluster.service(witness, primary);
      return service?.state === "started" && service.owner !== third;
    });
    return witness;
  });
  say(indent((await cluster.command(third, "clustat-ts")).stdout));
  say(`  (above: the isolated node${third} itself)\n`);
  await step(cluster, `return of node${third}`, async () => {
    await cluster.net.heal(third);
    await cluster.allStarted([1, 2, 3]);
    return third;
  });
  load.kill("SIGTERM");
  await load.exited;
  return parseReport(load.output());
}

function parseReport(output: string): Report {
  const line = output.split("\n").findLast((one) => one.startsWith("{"));
  if (line === undefined) throw new Error(`the client printed no report:\n${output}`);
  const fields = new Map(Object.entries(JSON.parse(line)));
  const figure = (name: string): number => {
    const value = fields.get(name);
    if (typeof value !== "number") throw new Error(`no ${name} in the report: ${line}`);
    return value;
  };
  return {
    sent: figure("sent"),
    acknowledged: figure("acknowledged"),
    received: figure("received"),
    duplicated: figure("duplicated"),
    lost: figure("lost"),
    longestGapMs: figure("longestGapMs"),
  };
}

function summarise(report: Report, tookMs: number): void {
  say("== the client's messages");
  say(`   sent          ${report.sent}`);
  say(`   acknowledged  ${report.acknowledged}`);
  say(`   received      ${report.received}`);
  say(`   duplicated    ${report.duplicated}   (resent after a failover; allowed)`);
  say(`   lost          ${report.lost}   (acknowledged, but not received)`);
  say(`   longest time without an acknowledgement: ${Math.round(report.longestGapMs)} ms`);
  say(`\ndemo: ${report.lost === 0 ? "passed" : "FAILED"} after ${Math.round(tookMs / 1000)} s`);
}
