/**
 * The steps of the demonstration, each with its duration and what clustat-ts then shows.
 */
import { endLoad, type LoadReport, startLoad } from "../e2e/message-load.ts";
import { primary, publishedConf, RealCluster } from "../e2e/real-cluster.ts";
import { indent, perform, say, step } from "./stage.ts";

/** Exit status: 0 when nothing acknowledged was lost. */
export function runDemo(): Promise<number> {
  const cluster = new RealCluster({ conf: publishedConf });
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

async function play(cluster: RealCluster): Promise<LoadReport> {
  say("Three nodes on a bridge, each with its own network, /etc and /run; the configuration is");
  say("the one that the Apache Qpid manual prints; the client knows 20.0.20.200 only.\n");
  await step(cluster, "formation: three daemons started at once", async () => {
    cluster.startAll();
    await cluster.allStarted([1, 2, 3]);
    return 1;
  });
  const load = startLoad(cluster, 200);
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
  await step(
    cluster,
    "outage of the whole network: all ports are down for three seconds",
    async () => {
      await outage(cluster);
      return third;
    },
  );
  return endLoad(load);
}

/** Nobody is quorate: the address is away, but no broker that has the messages is ended. */
async function outage(cluster: RealCluster): Promise<void> {
  const { nodes } = cluster.net;
  const began = performance.now();
  for (const node of nodes) await cluster.net.cut(node);
  await cluster.until("no node is quorate", async () => {
    const seen = await Promise.all(nodes.map((node) => cluster.status(node)));
    return seen.every((status) => status?.quorum.quorate === false);
  });
  await cluster.until("three seconds", () => performance.now() - began > 3000);
  for (const node of nodes) await cluster.net.heal(node);
  await cluster.allStarted(nodes, 60_000);
}

function summarise(report: LoadReport, tookMs: number): void {
  say("== the client's messages");
  say(`   sent          ${report.sent}`);
  say(`   acknowledged  ${report.acknowledged}`);
  say(`   received      ${report.received}`);
  say(`   duplicated    ${report.duplicated}   (resent after a failover; allowed)`);
  say(`   lost          ${report.lost}   (acknowledged, but not received)`);
  say(`   longest time without an acknowledgement: ${Math.round(report.longestGapMs)} ms`);
  say(`\ndemo: ${report.lost === 0 ? "passed" : "FAILED"} after ${Math.round(tookMs / 1000)} s`);
}
