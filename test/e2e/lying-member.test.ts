/**
 * A member with the key lies to real daemons: none of them ends, the others stay together, and
 * when the liar has gone its node is let in again.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { project, RealCluster } = await import("./real-cluster.ts");
const skip = entry.type === "unsupported" ? entry.reason : false;
const cluster = new RealCluster();
if (skip === false) await cluster.start();
suite.teardown(() => cluster.stop());
const lyingMs = 8000;
const others = [1, 2];

test("lies end no daemon, and the ring forms again without the liar", { skip }, async (t) => {
  for (const node of others) cluster.startDaemon(node);
  const online = async (...nodes: readonly number[]) => {
    const states = await Promise.all(others.map((node) => cluster.status(node)));
    return states.every((one) => {
      return one?.nodes.every((node) => node.online === nodes.includes(node.id));
    });
  };
  await cluster.until("two nodes in a ring", () => online(1, 2), 30_000);
  const liar = join(project, "build/test/e2e/liar.js");
  const what = ["20.0.20.3", "239.192.217.247", "5405", String(lyingMs)];
  const argv = [process.execPath, liar, ...what, "20.0.20.1", "20.0.20.2"];
  const done = await cluster.net.execOnNode(3, argv, { timeoutMs: 4 * lyingMs });
  t.equal(done.code, 0, done.stderr);
  for (const node of others) {
    t.equal(cluster.daemon(node).running, true, `node ${node} lives`);
    const counters = (await cluster.status(node))?.ring.counters ?? {};
    t.ok(
      (counters["refused: ring sequence"] ?? 0) > 0,
      "what it says is listened to, and what no clock explains is counted",
    );
    const record = `${cluster.net.rootOf(node)}/var/lib/clusterd/ring.json`;
    const { ringSeq } = JSON.parse(readFileSync(record, "utf8"));
    t.ok(ringSeq < (Date.now() + 25 * 3600 * 1000) * 1000, "and not stored");
  }
  await cluster.until("the ring without the liar", () => online(1, 2), 30_000);
  cluster.startDaemon(3);
  await cluster.until("the ring with the real node", () => online(1, 2, 3), 30_000);
});
