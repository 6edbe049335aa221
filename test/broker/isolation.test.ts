import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test } = await import("tap");
const { appendFileSync } = await import("node:fs");
const { serviceAddress } = await import("../netns/node-files.ts");
const { TestNet } = await import("../netns/test-net.ts");
const { until } = await import("../netns/until.ts");
const skip = entry.type === "unsupported" ? entry.reason : false;

// On loopback a killed broker's last words still reach the others; a cut network swallows them.
test("an isolated primary acknowledges nothing that it alone has", { skip }, async (t) => {
  const net = new TestNet({ nodes: 3 });
  await net.start();
  t.teardown(() => net.stop());
  const qpidHa = async (node: number, ...words: string[]) =>
    (await net.execOnNode(node, ["/etc/qpid/bin/qpid-ha", ...words])).stdout.trim();
  const address = (node: number, verb: "add" | "del") =>
    net.execOnNode(node, ["ip", "addr", verb, `${serviceAddress}/24`, "dev", "eth0"]);
  for (const node of net.nodes) {
    // The third broker does not learn of the primary's end, so it is not waited for long.
    appendFileSync(net.path(node, "etc/qpid/qpidd.conf"), "ha-backup-timeout=1\n");
    t.equal((await net.execOnNode(node, ["/etc/init.d/qpidd", "start"])).code, 0);
  }
  await qpidHa(1, "promote", "--cluster-manager");
  await until(async () => (await qpidHa(2, "status")) === "ready");
  await until(async () => (await qpidHa(3, "status")) === "ready");
  await address(1, "add");
  const program = new URL("load.js", import.meta.url).pathname;
  const load = net.spawnClient([
    process.execPath,
    program,
    `${serviceAddress}:5672`,
    "--rate",
    "500",
    "--progress",
  ]);
  const acknowledged = () => Number(load.output().trim().split("\n").at(-1));
  await until(() => acknowledged() > 200, { describe: () => load.output() });

  await net.partition([
    [1, "client"],
    [2, 3],
  ]);
  const atCut = acknowledged();
  const cutAtMs = performance.now();
  await until(() => performance.now() - cutAtMs > 2000);
  t.ok(acknowledged() - atCut < 500, "acknowledgements stop with the network");
  const primary = Number((await net.execOnNode(1, ["cat", "/run/qpidd.pid"])).stdout);
  process.kill(primary, "SIGKILL");
  await address(1, "del");
  await net.healAll();
  await qpidHa(2, "promote", "--cluster-manager");
  await address(2, "add");
  // In place of the announcement that a cluster would send.
  await net.execClient(["ip", "neigh", "flush", "dev", "eth0"]);
  const before = acknowledged();
  await until(() => acknowledged() > before + 200);
  load.kill("SIGTERM");
  t.equal((await load.exited).code, 0);
  const report: unknown = JSON.parse(load.output().trim().split("\n").at(-1) ?? "");
  t.comment(JSON.stringify(report));
  t.match(report, { lost: 0, reordered: 0 });
});
