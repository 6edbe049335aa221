import { cleanEnvironment, enterNamespaces, skippedStatus } from "./enter.ts";

const entry = await enterNamespaces();
const { t: suite, test } = await import("tap");
const { isAlive, run } = await import("./child.ts");
const { TestNet } = await import("./test-net.ts");
const { serviceAddress } = await import("./node-files.ts");
const { until } = await import("./until.ts");
const skip = entry.type === "unsupported" ? entry.reason : false;

const listener = `
  const net = require("node:net").createServer((socket) => {
    // Who calls over a cut network may have given up by now.
    socket.on("error", () => {});
    socket.end("here");
  });
  net.listen(7000, () => console.log("listening"));
`;
/** Exits 0 when something at the address answers in time. */
const caller = `
  const socket = require("node:net").connect(7000, process.argv[1]);
  socket.on("data", () => process.exit(0));
  socket.on("error", () => process.exit(1));
  setTimeout(() => process.exit(1), 400);
`;
const groupListener = `
  const socket = require("node:dgram").createSocket({ type: "udp4", reuseAddr: true });
  socket.on("message", (message) => console.log(String(message)));
  socket.bind(7001, () => {
    socket.addMembership("239.192.7.1", process.argv[1]);
    console.log("listening");
  });
`;
const groupSender = `
  const socket = require("node:dgram").createSocket("udp4");
  socket.bind(0, process.argv[1], () => {
    socket.setMulticastInterface(process.argv[1]);
    socket.send("to the group", 7001, "239.192.7.1", () => socket.close());
  });
`;
const program = (script: string, ...rest: string[]) => [process.execPath, "-e", script, ...rest];

const net = new TestNet({ nodes: 3 });
if (skip === false) await net.start();
suite.teardown(() => net.stop());
const onEach = (script: string) =>
  skip === false
    ? net.nodes.map((node) => net.spawnOnNode(node, program(script, `20.0.20.${node}`)))
    : [];
const listeners = onEach(listener);
const groups = onEach(groupListener);
await until(() => [...listeners, ...groups].every((one) => one.output().includes("listening")));
const reaches = async (from: number, to: string) =>
  (await net.execOnNode(from, program(caller, to))).code === 0;

test("nodes have names and private directories", { skip }, async (t) => {
  const host = await net.execOnNode(2, ["uname", "-n"]);
  t.equal(host.stdout.trim(), "node2.example.com");
  const files = ["/run/mark", "/var/lib/clusterd/mark", "/etc/mark", "/var/lock/subsys/mark"];
  t.equal((await net.execOnNode(1, ["touch", ...files])).code, 0);
  for (const file of files) {
    t.equal((await net.execOnNode(1, ["test", "-e", file])).code, 0, file);
    t.equal((await net.execOnNode(2, ["test", "-e", file])).code, 1, file);
  }
});

test("all hosts reach each other, by unicast and by multicast", { skip }, async (t) => {
  t.ok(await reaches(1, "node2.example.com"));
  t.equal((await net.execClient(program(caller, "20.0.20.3"))).code, 0);
  await net.execOnNode(1, program(groupSender, "20.0.20.1"));
  await until(() => groups.every((one) => one.output().includes("to the group")));
  t.pass("a multicast reaches every node, the sender too");
});

test("addresses are seen on the node that holds them", { skip }, async (t) => {
  t.same(net.holders(serviceAddress), []);
  await net.execOnNode(2, ["ip", "addr", "add", `${serviceAddress}/24`, "dev", "eth0"]);
  t.same(net.holders(serviceAddress), [2]);
  t.ok(await reaches(1, serviceAddress));
  await net.execOnNode(2, ["ip", "addr", "del", `${serviceAddress}/24`, "dev", "eth0"]);
  t.same(net.holders(serviceAddress), []);
});

test("a cut node is alone until it is healed", { skip }, async (t) => {
  await net.cut(3);
  t.notOk(await reaches(1, "20.0.20.3"));
  const link = await net.execOnNode(3, ["ip", "link", "show", "eth0"]);
  t.match(link.stdout, /NO-CARRIER/);
  await net.heal(3);
  await until(() => reaches(1, "20.0.20.3"));
  t.pass("healed");
});

test("a partition separates its groups, carriers stay up", { skip }, async (t) => {
  await net.partition([[1], [2, 3]]);
  t.notOk(await reaches(1, "20.0.20.2"));
  t.ok(await reaches(2, "20.0.20.3"));
  const link = await net.execOnNode(1, ["ip", "link", "show", "eth0"]);
  t.notMatch(link.stdout, /NO-CARRIER/);
  await net.healAll();
  await until(() => reaches(1, "20.0.20.2"));
  t.pass("healed");
});

test("a process on a node is signalled by its own pid, its output kept", { skip }, async (t) => {
  const shell = net.spawnOnNode(1, ["sh", "-c", "echo begun $GREETING; sleep 100"], {
    GREETING: "well",
  });
  await until(() => shell.output() === "begun well\n");
  shell.kill("SIGTERM");
  t.same(await shell.exited, { code: null, signal: "SIGTERM" });
});

test("a node that is powered off runs nothing, not even daemons", { skip }, async (t) => {
  t.equal((await net.execOnNode(3, ["/etc/init.d/qpidd", "start"])).code, 0);
  const daemon = Number((await net.execOnNode(3, ["cat", "/run/qpidd.pid"])).stdout);
  t.ok(isAlive(daemon));
  await net.powerOff(3);
  await until(() => !isAlive(daemon));
  t.ok(isAlive(listeners[0]?.pid ?? 0), "other nodes are not touched");
  await net.heal(3);
});

test("each node has cgroups of its own, where there are any", { skip }, async (t) => {
  const kind = await net.execOnNode(1, ["stat", "-f", "-c", "%T", "/sys/fs/cgroup"]);
  if (kind.stdout.trim() !== "cgroup2fs") return t.comment("no cgroups here");
  const make = ["mkdir", "/sys/fs/cgroup/service"];
  t.equal((await net.execOnNode(1, make)).code, 0);
  t.equal((await net.execOnNode(2, make)).code, 0, "the same name on another node");
});

test("nothing of a test runner reaches a child", { skip }, async (t) => {
  const env = await net.execOnNode(1, ["env"]);
  t.notMatch(env.stdout, /^(NODE_OPTIONS|TAP|_TAPJS_|CLUSTERD_TEST_NET)/m);
});

test("a program that needs the network says why it is skipped", async (t) => {
  const enter = new URL("enter.js", import.meta.url).href;
  const script = `import("${enter}").then((enter) => enter.enterOrSkip())`;
  const argv = ["/usr/bin/env", "PATH=/nonexistent", process.execPath, "-e", script];
  t.match(await run(argv, { env: cleanEnvironment(), timeoutMs: 10_000 }), {
    code: skippedStatus,
    stderr: "skipped: the command unshare is missing\n",
  });
});
