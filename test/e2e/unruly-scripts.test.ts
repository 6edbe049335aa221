/**
 * Real daemons, and brokers with init scripts that misbehave when they are to become primary: with
 * the scripts of this project, and with one that does what the original does.
 * Cases: those of the list "broker" in test/cases.txt.
 */
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { writeFileSync } = await import("node:fs");
const { serviceAddress } = await import("../netns/node-files.ts");
const { endLoad, goesOn, startLoad } = await import("./message-load.ts");
const { OutsideJudge } = await import("./outside-judge.ts");
const broker = await import("./broker-cluster.ts");
const { RealCluster } = await import("./real-cluster.ts");
const { skipReal } = await import("../broker/real-broker.ts");
const skip = entry.type === "unsupported" ? entry.reason : skipReal;

const cluster = new RealCluster();
const { nodes } = cluster.net;
const judge = new OutsideJudge();
let load: ReturnType<typeof startLoad>;
if (skip === false) {
  await cluster.start();
  broker.takeOrders(cluster, { "link-heartbeat-interval": "1" });
  judge.start(cluster.net, serviceAddress);
  cluster.startAll();
  await broker.restingNodes(cluster);
  load = startLoad(cluster, 200);
  await goesOn(cluster, load);
}
suite.teardown(async () => {
  await judge.stop();
  await cluster.stop();
});

const relocateTo = (node: number) => broker.relocatePrimary(cluster, node);
const why = (node: number) => broker.whyPrimary(cluster, node);

/** The script of qpid-cpp in short: status 1 says that it was refused, or that nobody knows. */
const original = `#!/bin/sh
ha() { /etc/qpid/bin/qpid-ha "$@" --config /etc/qpid/qpidd.conf; }
case $1 in
start) /etc/init.d/qpidd start primary && ha promote --cluster-manager || exit 1 ;;
stop) /etc/init.d/qpidd stop primary ;;
status) ha status --is-primary ;;
esac
`;

/** Nobody else is asked before the broker that does not answer is dead. */
for (const script of ["of this project", "of the original"]) {
  test(`case 21: a promotion without an answer, with the script ${script}`, {
    skip,
  }, async (t) => {
    if (script === "of the original") {
      for (const node of nodes) {
        writeFileSync(cluster.net.path(node, "etc/init.d/qpidd-primary"), original);
      }
    }
    const [owner, held, next] = await broker.restingNodes(cluster);
    const asked = (node: number) => broker.promotionsAsked(cluster, node).length;
    const before = { held: asked(held), next: asked(next) };
    const [pid = 0] = cluster.brokers(held);
    await broker.orderBroker(cluster, held, "promote", "hold");
    const moved = relocateTo(held);
    await cluster.until("it is asked", () => asked(held) > before.held);
    await cluster.until("another one is asked", () => asked(next) > before.next);
    t.notOk(cluster.brokers(held).includes(pid));
    await moved;
    await cluster.takenOver(next, owner);
    t.equal((await broker.restingNodes(cluster))[0], next);
    t.equal(asked(held), before.held + 1);
    const told =
      script === "of the original"
        ? /start failed: .*Timeout/
        : /start failed: .*outcome of the promotion unknown, killing the broker/;
    t.match(await why(next), told);
    t.match(cluster.daemon(held).output(), "the broker must end: a promotion was not seen to its");
    await goesOn(cluster, load);
  });
}

test("case 22: the original script says that the broker refuses: the next one, and no kill", {
  skip,
}, async (t) => {
  const [owner, refuses, next] = await broker.restingNodes(cluster);
  const processes = cluster.brokers(refuses);
  const words = "Still catching up, cannot be promoted.";
  await broker.orderBroker(cluster, refuses, "promote", "refuse", words);
  await relocateTo(refuses);
  await cluster.takenOver(next, owner);
  t.equal((await broker.restingNodes(cluster))[0], next);
  t.same(cluster.brokers(refuses), processes);
  t.match(await why(next), new RegExp(`start failed: .*${words}`));
  await broker.orderBroker(cluster, refuses, "promote", "normal");
  await goesOn(cluster, load);
});

test("a broker that dies when it is asked to be primary", { skip }, async (t) => {
  const [, dies] = await broker.restingNodes(cluster);
  const [pid = 0] = cluster.brokers(dies);
  await broker.orderBroker(cluster, dies, "exit-at", "promote-received");
  await relocateTo(dies);
  await cluster.until("it has died", () => !cluster.brokers(dies).includes(pid));
  t.not((await broker.restingNodes(cluster))[0], dies);
  await goesOn(cluster, load);
});

test("nothing that was acknowledged is lost", { skip }, async (t) => {
  const { lost, acknowledged } = await endLoad(load);
  t.equal(lost, 0, `of ${acknowledged} acknowledged messages`);
});

test("at no moment were there two holders of the address, or two primaries", {
  skip,
}, async (t) => {
  judge.neverTwo(t);
});
