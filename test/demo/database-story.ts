/**
 * The demonstration of a database behind HAProxy: what a client that writes rows notices while
 * each part of the service is killed, and when the node is switched off.
 */

import { DatabaseCluster, database, databaseObstacle, RowWriter } from "../e2e/database-cluster.ts";
import { skippedStatus } from "../netns/enter.ts";
import { perform, say, step } from "./stage.ts";

/** Exit status: 0 when no acknowledged row was lost and nothing ran twice. */
export async function runDemo(): Promise<number> {
  const obstacle = databaseObstacle();
  if (obstacle !== null) {
    say(`demo: skipped: ${obstacle}`);
    return skippedStatus;
  }
  const shop = new DatabaseCluster();
  const writer = new RowWriter(shop);
  return perform(
    async () => {
      await shop.start();
      await play(shop, writer);
      return await summarise(shop, writer);
    },
    async () => {
      await writer.stop();
      await shop.stop();
    },
  );
}

async function play(shop: DatabaseCluster, writer: RowWriter): Promise<void> {
  const { cluster } = shop;
  say("Three nodes on a bridge with conf/haproxy-mariadb.conf.example: an address, MariaDB by the");
  say("agent of the package resource-agents, HAProxy as a unit of systemd (a stand-in for the");
  say("latter, which does not run in here). A client writes rows through 20.0.20.200:3306.\n");
  await step(cluster, "formation: three daemons started at once", async () => {
    await cluster.started(1, database, 60_000);
    await cluster.until("an answer", async () => (await shop.ask("SELECT 1")) === "1");
    return 1;
  });
  writer.start();
  for (const program of ["haproxy", "mariadbd"]) {
    const owner = await cluster.started(1, database);
    await step(cluster, `SIGKILL of ${program} on node${owner}`, async () => {
      shop.kill(program, owner);
      return await rowsAfter(shop, writer, { owner, witness: owner });
    });
  }
  const second = await cluster.started(1, database);
  await step(cluster, "clusvcadm-ts -r database", async () => {
    await cluster.command(second, "clusvcadm-ts", "-r", "database");
    return await rowsAfter(shop, writer, { owner: second, witness: second });
  });
  const owner = await cluster.started(1, database);
  const witness = owner === 1 ? 2 : 1;
  await step(cluster, `node${owner}, which runs it all, is switched off`, async () => {
    await shop.powerOff(owner);
    return await rowsAfter(shop, writer, { owner, witness });
  });
  await writer.stop();
}

/** Waits until the client writes again; returns the node to ask. */
async function rowsAfter(
  shop: DatabaseCluster,
  writer: RowWriter,
  from: { readonly owner: number; readonly witness: number },
): Promise<number> {
  await shop.movedFrom(from.owner, from.witness);
  const before = writer.acknowledged.length;
  await shop.cluster.until("rows", () => writer.acknowledged.length > before + 5);
  return from.witness;
}

async function summarise(shop: DatabaseCluster, writer: RowWriter): Promise<boolean> {
  const lost = await writer.lost();
  const { doubles } = shop.databases;
  say("== the client's rows");
  say(`   acknowledged  ${writer.acknowledged.length}`);
  say(`   lost          ${lost.length}   (acknowledged, but not there)`);
  say(`   longest time without an acknowledgement: ${Math.round(writer.longestGapMs)} ms`);
  say(`   moments with two databases: ${doubles.length} of ${shop.databases.samples}`);
  say(`   moments with two holders of the address: ${shop.addresses.doubles.length}`);
  const good =
    lost.length === 0 &&
    writer.acknowledged.length > 0 &&
    doubles.length === 0 &&
    shop.addresses.doubles.length === 0;
  say(`\ndemo: ${good ? "passed" : "FAILED"}`);
  return good;
}
