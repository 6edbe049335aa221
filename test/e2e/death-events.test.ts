/**
 * The end of a service's last process is noticed at once where services have cgroups: with checks
 * only every half minute, a killed primary broker still fails over within seconds.
 */
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { mkdtempSync, readFileSync, rmSync, writeFileSync } = await import("node:fs");
const { tmpdir } = await import("node:os");
const { join } = await import("node:path");
const { serviceAddress } = await import("../netns/node-files.ts");
const { primary, project, RealCluster } = await import("./real-cluster.ts");
const { createCgroupTree, removeCgroupTree } = await import("../netns/node-cgroups.ts");
const { OutsideJudge } = await import("./outside-judge.ts");

const directory = mkdtempSync(join(tmpdir(), "clusterd-events-"));
const conf = join(directory, "cluster.conf");
const example = readFileSync(join(project, "conf/cluster.conf.example"), "utf8");
writeFileSync(conf, example.replace('status_poll_interval="1"', 'status_poll_interval="30"'));

const cluster = new RealCluster({ conf });
const judge = new OutsideJudge();
let skip: string | false = entry.type === "unsupported" ? entry.reason : false;
const probe = createCgroupTree();
if (probe === null) skip = "no cgroup v2 that this user may write";
else removeCgroupTree(probe);
if (skip === false) {
  await cluster.start();
  judge.start(cluster.net, serviceAddress);
  cluster.startAll();
  await cluster.allStarted([1, 2, 3], 30_000);
}
suite.teardown(async () => {
  await judge.stop();
  await cluster.stop();
  rmSync(directory, { recursive: true });
});

test("every node says that its services have cgroups", { skip }, async (t) => {
  for (const node of [1, 2, 3]) t.equal((await cluster.status(node))?.tracking, "cgroups");
});

test("a killed primary broker fails over long before the next check", { skip }, async (t) => {
  const owner = await cluster.started(1, primary);
  const killedMs = performance.now();
  for (const pid of cluster.brokers(owner)) process.kill(pid, "SIGKILL");
  const witness = owner === 1 ? 2 : 1;
  await cluster.until("failover", async () => {
    const service = await cluster.service(witness, primary);
    return service?.state === "started" && service.owner !== owner;
  });
  const tookMs = Math.round(performance.now() - killedMs);
  t.comment(`failover took ${tookMs} ms: ${judge.gapsInWords(0)}`);
  t.ok(tookMs < 15_000, `${tookMs} ms`);
  t.match(
    cluster.daemon(owner).output(),
    /checking now: the last process of script:\S+ of service:\S+ has ended/,
  );
  await cluster.allStarted([1, 2, 3], 30_000);
});

test("checks do not call for more checks", { skip }, async (t) => {
  const said = () =>
    cluster
      .daemon(1)
      .output()
      .match(/checking now:/g)?.length ?? 0;
  const before = said();
  const beganMs = performance.now();
  await cluster.until("two seconds have passed", () => performance.now() - beganMs > 2000);
  t.equal(said(), before);
  t.same(judge.doubles(), []);
});
