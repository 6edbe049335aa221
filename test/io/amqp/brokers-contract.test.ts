/** The contract of the port to brokers, held by the AMQP client and by the simulated broker. */
import type { Test } from "tap";
import { AmqpBrokers } from "../../../src/io/amqp/broker-connections.ts";
import { BrokerCluster } from "../../broker/brokers.ts";
import { VirtualBroker, VirtualBrokers } from "../../sim/virtual-brokers.ts";
import { type BrokerBench, brokersContract } from "../brokers.contract.ts";
import { processOn, pumpedTime } from "../pumped-time.ts";

const account = { username: "ha", password: "secret" } as const;
const credentials = { type: "plain", ...account } as const;

async function realBench(t: Test): Promise<BrokerBench> {
  const settings = {
    auth: "yes",
    "ha-username": account.username,
    "ha-password": account.password,
  };
  const cluster = await BrokerCluster.prepare({ count: 1, settings });
  t.teardown(() => cluster.stop());
  const broker = cluster.broker(1);
  await broker.start();
  return {
    brokers: new AmqpBrokers(),
    target: { host: "127.0.0.1", port: broker.port, credentials },
    signal: (signal) => broker.signal(signal),
    kill: () => broker.kill(),
  };
}

async function virtualBench(t: Test): Promise<BrokerBench> {
  const time = pumpedTime(t);
  const broker = new VirtualBroker();
  broker.account = account;
  broker.start();
  return {
    brokers: new VirtualBrokers(broker, processOn(time), time),
    target: { host: "127.0.0.1", port: 5672, credentials },
    signal: (signal) => (signal === "SIGSTOP" ? broker.stop() : broker.goOn()),
    kill: async () => broker.kill(),
  };
}

brokersContract("real", realBench);
brokersContract("virtual", virtualBench);
