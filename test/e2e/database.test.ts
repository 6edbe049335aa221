/**
 * HAProxy, MariaDB and a virtual address as one service on one of three nodes: each of them is
 * killed, then the node is switched off, while a client writes. What was acknowledged is there.
 */
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { serviceAddress } = await import("../netns/node-files.ts");
const { database, DatabaseCluster, databaseObstacle, RowWriter } = await import(
  "./database-cluster.ts"
);

const skip = entry.type === "unsupported" ? entry.reason : (databaseObstacle() ?? false);
const shop = skip === false ? new DatabaseCluster() : null;
const writer = shop === null ? null : new RowWriter(shop);
await shop?.start();
suite.teardown(async () => {
  await writer?.stop();
  await shop?.stop();
});

/** Each is a commit to a disk that other tests use as well. */
const rowsWithinMs = 60_000;

test("the whole service starts on one node, and takes clients", { skip }, async (t) => {
  if (shop === null || writer === null) return;
  const owner = await shop.cluster.started(1, database, 60_000);
  t.same(shop.databaseNodes(), [owner]);
  t.same(shop.cluster.net.holders(serviceAddress), [owner]);
  t.ok(shop.processes("haproxy", owner).length > 0);
  await shop.cluster.until("an answer", async () => (await shop.ask("SELECT 1")) === "1");
  writer.start();
  await shop.cluster.until("rows", () => writer.acknowledged.length >= 20, rowsWithinMs);
});

for (const program of ["haproxy", "mariadbd"]) {
  test(`SIGKILL of ${program} moves the service`, { skip }, async (t) => {
    if (shop === null || writer === null) return;
    const owner = await shop.cluster.started(1, database);
    const before = writer.acknowledged.length;
    shop.kill(program, owner);
    const next = await shop.movedFrom(owner, owner);
    t.not(next, owner);
    const more = () => writer.acknowledged.length >= before + 20;
    await shop.cluster.until("more rows", more, rowsWithinMs);
    t.same(shop.databaseNodes(), [next]);
    t.same(shop.processes("haproxy", owner), []);
    t.same(await writer.lost(), []);
  });
}

test("an address that is taken away moves the service", { skip }, async (t) => {
  if (shop === null || writer === null) return;
  const owner = await shop.cluster.started(1, database);
  const words = ["ip", "addr", "del", `${serviceAddress}/24`, "dev", "eth0"];
  t.equal((await shop.cluster.net.execOnNode(owner, words)).code, 0);
  const next = await shop.movedFrom(owner, owner);
  t.same(shop.cluster.net.holders(serviceAddress), [next]);
  t.same(await writer.lost(), []);
});

test("a node without power loses the service, and no row", { skip }, async (t) => {
  if (shop === null || writer === null) return;
  const owner = await shop.cluster.started(1, database);
  const witness = owner === 1 ? 2 : 1;
  const before = writer.acknowledged.length;
  await shop.powerOff(owner);
  const next = await shop.movedFrom(owner, witness);
  const more = () => writer.acknowledged.length >= before + 20;
  await shop.cluster.until("more rows", more, rowsWithinMs);
  t.same(shop.databaseNodes(), [next]);
  await writer.stop();
  t.same(await writer.lost(), []);
  t.ok(writer.acknowledged.length >= 80, `${writer.acknowledged.length} rows`);
  t.comment(`longest time without an acknowledgement: ${Math.round(writer.longestGapMs)} ms`);
});

test("at no moment were there two databases or two holders", { skip }, async (t) => {
  if (shop === null) return;
  t.same(shop.databases.doubles, []);
  t.same(shop.addresses.doubles, []);
  t.ok(shop.databases.samples > 500, `${shop.databases.samples} samples`);
});
