/**
 * Real daemons, and brokers without init scripts that misbehave when they are to become primary:
 * they do not answer, answer late, refuse, or die; and one whose node is cut off. A client sends
 * all the time, a judge from outside looks for a second primary, and the operator is told.
 * Cases: those of the list "broker" in test/cases.txt.
 */
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { mkdtempSync, readFileSync, rmSync } = await import("node:fs");
const { tmpdir } = await import("node:os");
const { join } = await import("node:path");
const { serviceAddress } = await import("../netns/node-files.ts");
const { endLoad, goesOn, startLoad } = await import("./message-load.ts");
const { OutsideJudge } = await import("./outside-judge.ts");
const {
  killBroker,
  orderBroker,
  restingNodes,
  promotionsAsked,
  relocatePrimary,
  takeOrders,
  timeOfLog,
  whyPrimary,
  withoutScripts,
} = await import("./broker-cluster.ts");
const { project, RealCluster } = await import("./real-cluster.ts");
const { skipReal } = await import("../broker/real-broker.ts");
const skip = entry.type === "unsupported" ? entry.reason : skipReal;

const name = "qpidd-primary-service";
const directory = mkdtempSync(join(tmpdir(), "clusterd-unruly-"));
const cluster = new RealCluster({ change: withoutScripts });
const { nodes } = cluster.net;
const judge = new OutsideJudge();
let load: ReturnType<typeof startLoad>;
if (skip === false) {
  await cluster.start();
  takeOrders(cluster);
  judge.start(cluster.net, serviceAddress);
  cluster.startAll();
  await restingNodes(cluster);
  load = startLoad(cluster, 300);
  await goesOn(cluster, load);
}
suite.teardown(async () => {
  await judge.stop();
  await cluster.stop();
  rmSync(directory, { recursive: true });
});

const relocateTo = (node: number) => relocatePrimary(cluster, node);
const why = (node: number) => whyPrimary(cluster, node);

/** That a node's own service has not been touched. */
async function ownService(node: number) {
  const service = await cluster.service(node, `service:node${node}-qpidd-service`);
  return { state: service?.state, transition: service?.transition };
}

test("case 21: a promotion without an answer: no second one before that broker is dead", {
  skip,
}, async (t) => {
  const [owner, ...backups] = await restingNodes(cluster);
  const asked = () =>
    backups.filter((node) => promotionsAsked(cluster, node).length > before(node));
  const counts = new Map(backups.map((node) => [node, promotionsAsked(cluster, node).length]));
  const before = (node: number) => counts.get(node) ?? 0;
  for (const node of backups) await orderBroker(cluster, node, "promote", "hold");
  killBroker(cluster, owner);
  await cluster.until("one of them is asked", () => asked().length > 0);
  const [held = 0] = asked();
  const next = backups.find((node) => node !== held) ?? 0;
  const [pid = 0] = cluster.brokers(held);
  await orderBroker(cluster, next, "promote", "normal");
  await cluster.until("the other one is asked", () => asked().includes(next));
  t.notOk(cluster.brokers(held).includes(pid));
  const killedAt = timeOfLog(cluster, held, `the broker that must end is killed: ${pid} (`);
  t.ok((promotionsAsked(cluster, next).at(-1) ?? 0) >= killedAt);
  await cluster.takenOver(next, owner);
  t.equal((await restingNodes(cluster))[0], next);
  t.equal(promotionsAsked(cluster, held).length, before(held) + 1);
  const reason = "promotion of the broker failed: no answer after 5000 ms; it is killed, since it";
  t.match(await why(next), `start failed: ${reason} may still be promoted`);
  t.match(await why(next), /node\d\S* taken: .*the last list of the primary shows it as ready/);
  const log = cluster.daemon(held).output();
  t.match(log, "the broker must end: the outcome of its promotion is not known");
  await goesOn(cluster, load);
});

test("case 21: a promotion that takes effect late, after its service was disabled", {
  skip,
}, async (t) => {
  const [owner, held] = await restingNodes(cluster);
  const count = promotionsAsked(cluster, held).length;
  const [pid = 0] = cluster.brokers(held);
  await orderBroker(cluster, held, "promote", "hold");
  const moved = relocateTo(held);
  await cluster.until("it is asked", () => promotionsAsked(cluster, held).length > count);
  t.match(await cluster.command(owner, "clusvcadm-ts", "-d", name), { code: 0 });
  t.notOk(cluster.brokers(held).includes(pid), "what was asked can take no effect any more");
  t.not((await moved).code, 0);
  t.match(await cluster.command(owner, "clusvcadm-ts", "-e", name), { code: 0 });
  await restingNodes(cluster);
  await goesOn(cluster, load);
});

test("brokers that answer after a second are not killed, and one of them is promoted", {
  skip,
}, async (t) => {
  const [owner, ...backups] = await restingNodes(cluster);
  const before = backups.flatMap((node) => cluster.brokers(node));
  for (const node of backups) await orderBroker(cluster, node, "answers", "delay", "1000");
  killBroker(cluster, owner);
  await cluster.takenOver(backups[0], owner);
  const [next] = await restingNodes(cluster);
  t.not(next, owner);
  t.same(
    backups.flatMap((node) => cluster.brokers(node)),
    before,
  );
  for (const node of backups) await orderBroker(cluster, node, "answers", "normal");
  await goesOn(cluster, load);
});

test("case 22: a broker that refuses its promotion gives way to the next, and goes on", {
  skip,
}, async (t) => {
  const [owner, refuses, next] = await restingNodes(cluster);
  const before = await ownService(refuses);
  const processes = cluster.brokers(refuses);
  await orderBroker(
    cluster,
    refuses,
    "promote",
    "refuse",
    "Still catching up, cannot be promoted.",
  );
  await relocateTo(refuses);
  await cluster.takenOver(next, owner);
  t.equal((await restingNodes(cluster))[0], next);
  t.same(await ownService(refuses), before, "its own service has not failed");
  t.same(cluster.brokers(refuses), processes);
  t.match(await why(next), "the broker refuses: Still catching up, cannot be promoted.");
  await orderBroker(cluster, refuses, "promote", "normal");
  await goesOn(cluster, load);
});

for (const point of ["promote-received", "promote-answered"]) {
  test(`a broker that dies at ${point} is not promoted again, another one is`, {
    skip,
  }, async (t) => {
    const [owner, dies] = await restingNodes(cluster);
    const count = promotionsAsked(cluster, dies).length;
    const [pid = 0] = cluster.brokers(dies);
    await orderBroker(cluster, dies, "exit-at", point);
    await relocateTo(dies);
    await cluster.until("it has died", () => !cluster.brokers(dies).includes(pid));
    const [now] = await restingNodes(cluster);
    t.not(now, dies);
    t.comment(`${owner} to ${dies} to ${now}`);
    t.equal(promotionsAsked(cluster, dies).length, count + 1);
    const told =
      point === "promote-answered"
        ? /status check failed: status of the primary failed: the broker has ended/
        : /start failed: promotion of the broker failed: the broker ended the connection/;
    t.match(await why(now), told);
    await goesOn(cluster, load);
  });
}

test("nothing that was acknowledged is lost", { skip }, async (t) => {
  const { lost, acknowledged } = await endLoad(load);
  t.equal(lost, 0, `of ${acknowledged} acknowledged messages`);
});

test("case 28: on a node that is cut off nothing more is acknowledged", { skip }, async (t) => {
  const [owner, witness] = await restingNodes(cluster);
  const ledger = join(directory, "ledger");
  const client = (node: number | null, program: string, ...words: readonly string[]) => {
    const path = join(project, "build/test/broker", program);
    const argv = [process.execPath, path, `${serviceAddress}:5672`, "--ledger", ledger, ...words];
    return node === null ? cluster.net.spawnClient(argv) : cluster.net.spawnOnNode(node, argv);
  };
  const acknowledged = () => readFileSync(ledger, "utf8").split("\n").length - 1;
  const inside = client(owner, "load.js", "--rate", "300", "--progress");
  await goesOn(cluster, inside);
  const asked = nodes.map((node) => promotionsAsked(cluster, node).length);
  const [pid = 0] = cluster.brokers(owner);
  const logged = cluster.daemon(owner).output().length;
  await cluster.net.cut(owner);
  // What has arrived before is still acknowledged.
  const log = () => cluster.daemon(owner).output().slice(logged);
  await cluster.until("the cut is noticed", () => log().includes("the ring is suspended"));
  const count = acknowledged();
  await cluster.until("another one is asked to be primary", () => {
    return nodes.some((node, at) => promotionsAsked(cluster, node).length > (asked[at] ?? 0));
  });
  t.notOk(cluster.brokers(owner).includes(pid), "its broker is dead before");
  await cluster.takenOver(witness, owner);
  t.equal(acknowledged(), count);
  t.match(log(), "services are stopped on this node: its ring is inquorate");
  t.match(log(), "the broker must end: its service stops");
  await cluster.net.heal(owner);
  await restingNodes(cluster);
  await goesOn(cluster, inside);
  inside.kill("SIGTERM");
  await inside.exited;
  const receiver = client(null, "receive.js", "--drain");
  t.match(await receiver.exited, { code: 0 }, receiver.output());
  t.match(receiver.output(), `"acknowledged":${acknowledged()},`);
  t.match(receiver.output(), '"lost":0,');
});

test("at no moment were there two holders of the address, or two primaries", {
  skip,
}, async (t) => {
  judge.neverTwo(t);
});
