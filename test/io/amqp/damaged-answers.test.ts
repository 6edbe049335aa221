/**
 * What a broker sends, with bytes exchanged on the way: the client gets a typed result, and its
 * process goes on. The seeds are fixed, so that a run that fails can be repeated.
 */
import { connect, type Socket } from "node:net";
import { t as suite, test } from "tap";
import { AmqpBrokers } from "../../../src/io/amqp/broker-connections.ts";
import { BrokerCluster } from "../../broker/brokers.ts";
import { serveSockets } from "./servers.ts";

const runs = 300;
/** Of a run whose answer was damaged so that it never comes. */
const limitMs = 100;
const cluster = await BrokerCluster.start({ count: 1 });
suite.teardown(() => cluster.stop());
const { port: brokerPort } = cluster.broker(1);

/** A sequence of whole numbers below 2^32. Source: Numerical Recipes: ranqd1. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state;
  };
}

/** Passes bytes on; those from the broker are damaged, one in `rarity` on the average. */
function relay(client: Socket, next: () => number, rarity: number): void {
  const broker = connect(brokerPort, "127.0.0.1");
  broker.on("error", () => client.destroy());
  client.on("close", () => broker.destroy());
  client.on("data", (bytes) => broker.write(bytes));
  broker.on("close", () => client.destroy());
  broker.on("data", (bytes: Buffer) => {
    const damaged = Buffer.from(bytes);
    for (const at of damaged.keys()) {
      if ((next() >>> 8) % rarity === 0) damaged[at] = (next() >>> 8) & 0xff;
    }
    client.write(damaged);
  });
}

test("AMQP1, QMF1: damaged answers have a typed end", async (t) => {
  const brokers = new AmqpBrokers();
  const ends = new Map<string, number>();
  for (let seed = 1; seed <= runs; seed += 1) {
    const next = numbers(seed);
    const rarity = 20 + ((next() >>> 8) % 1000);
    const port = await serveSockets(t, (socket) => relay(socket, next, rarity));
    const target = { host: "127.0.0.1", port, credentials: { type: "anonymous" } } as const;
    const events = { onMembers: () => undefined, onDisconnected: () => undefined };
    const connection = brokers.connect(target, limitMs, events);
    const opened = await connection.opened;
    const status = opened.ok ? await connection.status(limitMs) : opened;
    connection.close();
    const end = status.ok ? "answered" : status.problem.type;
    ends.set(end, (ends.get(end) ?? 0) + 1);
  }
  t.comment(JSON.stringify(Object.fromEntries(ends)));
  t.ok((ends.get("answered") ?? 0) > 0, "some are not damaged where it matters");
  t.ok(ends.size > 3, "and the others end in several ways");
});
