/** A daemon is killed and its guard certifies that: what the other nodes do then. */
import { test } from "tap";
import type { ResourceConf } from "../../src/model/conf.ts";
import { method } from "../fencing/fence-cluster.ts";
import { Cluster } from "../sim/cluster.ts";
import { PerfectMembership } from "../sim/perfect-membership.ts";
import { resource, type SampleOptions, sampleConf, script } from "../sim/sample-conf.ts";
import { VirtualTime } from "../sim/virtual-time.ts";

const P = "qpidd-primary-service";

function started(options: SampleOptions): { readonly cluster: Cluster; readonly fenced: number[] } {
  const conf = sampleConf(options);
  const time = new VirtualTime();
  const fenced: number[] = [];
  const membership = new PerfectMembership(
    time,
    conf.nodes.map(({ id }) => id),
  );
  const fenceAgent = (victim: number): "success" => {
    fenced.push(victim);
    return "success";
  };
  const cluster = new Cluster({ conf, time, membership, fenceAgent });
  cluster.boot(1, 2, 3).run(20_000);
  return { cluster, fenced };
}

/** For how long nobody has the service after the owner's daemon was killed. */
function takeoverMs(cluster: Cluster): number {
  const [owner = 0] = cluster.runningOn(P);
  cluster.killDaemon(owner);
  for (let ms = 0; ms < 60_000; ms += 10) {
    cluster.run(10);
    const [next = owner] = cluster.runningOn(P);
    if (next !== owner) return ms;
  }
  return Number.POSITIVE_INFINITY;
}

const mount = resource("fs", "data", {
  agent: {
    ...{ actions: [], children: [], holds: true },
    runs: {
      dialect: "rgmanager",
      file: "/usr/share/cluster/fs.sh",
      directory: "/usr/share/cluster",
    },
  },
});
const withMount = (tree: readonly ResourceConf[]) =>
  ({ primary: { tree: resource("service", P, { children: [...tree, mount] }) } }) as const;
const devices = { fenceMethods: [method("power", "fence_apc nps1")] };

test("without devices it takes over without a wait for the lease", async (t) => {
  const tookMs = takeoverMs(started({}).cluster);
  t.ok(tookMs < 1000, `${tookMs} ms`);
});

test("with devices it takes over, and the node is not switched off", async (t) => {
  const { cluster, fenced } = started(devices);
  const tookMs = takeoverMs(cluster);
  t.ok(tookMs < 1000, `${tookMs} ms`);
  t.same(fenced, []);
});

test("DEATH6: what holds more than processes waits for the devices", async (t) => {
  const { cluster, fenced } = started({ ...devices, ...withMount([script("qpidd-primary")]) });
  const [owner = 0] = cluster.runningOn(P);
  takeoverMs(cluster);
  t.same(fenced, [owner]);
});

test("DEATH6: or for the lease where there are none", async (t) => {
  const { cluster } = started(withMount([script("qpidd-primary")]));
  const tookMs = takeoverMs(cluster);
  t.ok(tookMs > 4000, `${tookMs} ms`);
});
