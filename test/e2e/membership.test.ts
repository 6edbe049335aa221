/**
 * Three real daemons as cman_tool-ts and the metrics show them, and a network that filters
 * multicasts to one of them.
 */
import { execFileSync } from "node:child_process";
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { RealCluster } = await import("./real-cluster.ts");
const skip = entry.type === "unsupported" ? entry.reason : false;

const cluster = new RealCluster();
if (skip === false) await cluster.start();
suite.teardown(() => cluster.stop());

function floodMulticasts(node: number, on: "on" | "off"): void {
  const words = `link set port${node} type bridge_slave mcast_flood ${on}`;
  execFileSync("ip", words.split(" "));
}

test("a node whose multicasts do not arrive is named in the log", { skip }, async (t) => {
  floodMulticasts(3, "off");
  cluster.startAll();
  const missing = (node: number) =>
    new RegExp(`node ${node} is heard by unicast, its multicasts to 239[.\\d]+ do not arrive`);
  await cluster.until("node 3 misses both", () => {
    const output = cluster.daemon(3).output();
    return missing(1).test(output) && missing(2).test(output);
  });
  t.match(cluster.daemon(3).output(), /or set transport=\\"udpu\\"/);
  t.notMatch(cluster.daemon(1).output(), /do not arrive/);
  floodMulticasts(3, "on");
  await cluster.until("one cluster", async () => {
    const nodes = (await cluster.status(1))?.nodes ?? [];
    return nodes.length === 3 && nodes.every(({ online, ready }) => online && ready);
  });
  await cluster.until("the fault is over", () =>
    /multicasts of node 1 arrive now/.test(cluster.daemon(3).output()),
  );
});

test("cman_tool-ts shows live figures in the original's layout", { skip }, async (t) => {
  const waited = await cluster.command(2, "cman_tool-ts", "wait", "-q", "-t", "20");
  t.equal(waited.code, 0, waited.stderr);
  const status = await cluster.command(2, "cman_tool-ts", "status");
  t.match(status.stdout, /^Version: 6\.2\.0\nConfig Version: \d+\nCluster Name: qpid-test\n/);
  t.match(status.stdout, /^Nodes: 3\nExpected votes: 3\nTotal votes: 3\n/m);
  t.match(
    status.stdout,
    /^Multicast addresses: 239\.192\.217\.247 \nNode addresses: 20\.0\.20\.2 /m,
  );
  t.match(status.stdout, /^Token rotation: \d+\.\d{3} ms mean/m);
  const nodes = await cluster.command(2, "cman_tool-ts", "nodes");
  t.equal(nodes.stdout.match(/^ {3}\d {3}M +\d+ {3}20\d\d-\d\d-\d\d \S+ {2}node\d\./gm)?.length, 3);
});

test("cman_tool-ts kill ends a member at once, and it comes back clean", { skip }, async (t) => {
  const victim = cluster.daemon(3);
  const killed = await cluster.command(1, "cman_tool-ts", "kill", "-n", "node3.example.com");
  t.same([killed.code, killed.stdout, killed.stderr], [0, "", ""]);
  t.same(await victim.exited, { code: 1, signal: null });
  t.match(victim.output(), /killed by .+ on node1.example.com: this node ends at once/);
  t.match(cluster.daemon(2).output(), /node3.example.com is killed by .+ on node1.example.com/);
  t.same(cluster.brokers(3), [], "nothing of its services is left");
  const lost = async () => (await cluster.status(1))?.nodes.find(({ id }) => id === 3);
  await cluster.until("the others treat it as failed", async () =>
    /victim \(lost\)|fenced/.test((await lost())?.fence ?? ""),
  );
  const again = await cluster.command(1, "cman_tool-ts", "kill", "-n", "node3.example.com");
  t.equal(again.code, 1);
  t.match(again.stderr, "cman_tool: Can't kill node node3.example.com : it is no member\n");
  cluster.startDaemon(3);
  await cluster.until("it is back", async () => (await lost())?.ready === true);
});

test("cman_tool-ts leave -w ends the daemon, and nobody is fenced", { skip }, async (t) => {
  const left = await cluster.command(3, "cman_tool-ts", "leave", "-w", "-t", "30");
  t.equal(left.code, 0, left.stderr);
  t.equal((await cluster.daemon(3).exited).code, 0);
  const again = await cluster.command(3, "cman_tool-ts", "status");
  t.equal(again.code, 1);
  t.match(again.stderr, "Cannot open connection to cman, is it running ?");
  await cluster.until("the others know", async () => {
    const nodes = await cluster.command(1, "cman_tool-ts", "nodes", "-F", "id,type");
    return nodes.stdout === "1 M \n2 M \n3 X \n";
  });
  const third = (await cluster.status(1))?.nodes.find(({ id }) => id === 3);
  t.equal(third?.fence, "clean");
});

test("cman_tool-ts leave remove lets the cluster get by with less", { skip }, async (t) => {
  const refused = await cluster.command(2, "cman_tool-ts", "leave", "remove");
  t.equal(refused.code, 1);
  t.match(refused.stderr, /^cman_tool: Error leaving cluster: .* wait_for_all="1".* add force\n$/);
  t.ok(cluster.daemon(2).running);
  const words = ["leave", "remove", "force", "-w", "-t", "30"];
  const left = await cluster.command(2, "cman_tool-ts", ...words);
  t.equal(left.code, 0, left.stderr);
  await cluster.until("node 1 is quorate alone", async () => {
    const shown = (await cluster.command(1, "cman_tool-ts", "status")).stdout;
    return /^Expected votes: 2\nTotal votes: 1\n/m.test(shown);
  });
});
