/**
 * What a watch of a broker relies on in the port, held against processes of the stand-in and
 * against the simulated broker.
 */
import { type Test, test } from "tap";
import type { BrokerConnections, BrokerEvents, BrokerTarget } from "../../src/io/broker-port.ts";
import { until } from "./waiting.ts";

/** A broker that permits one account only, and runs. */
export type BrokerBench = {
  readonly brokers: BrokerConnections;
  /** With the right account. */
  readonly target: BrokerTarget;
  readonly signal: (signal: "SIGSTOP" | "SIGCONT") => void;
  readonly kill: () => Promise<void>;
};

/** Beyond what any answer takes. */
const longMs = 60_000;
const shortMs = 100;

export function brokersContract(name: string, make: (t: Test) => Promise<BrokerBench>): void {
  openContract(name, make);
  endContract(name, make);
}

function openContract(name: string, make: (t: Test) => Promise<BrokerBench>): void {
  test(`${name}: a broker that runs says its state`, async (t) => {
    const { brokers, target } = await make(t);
    const connection = brokers.connect(target, longMs, null);
    t.same(await connection.opened, { ok: true, value: null });
    t.match(await connection.status(longMs), { ok: true, value: { state: "joining" } });
    connection.close();
    t.match(await connection.status(longMs), { problem: { type: "disconnected" } });
  });

  test(`${name}: a wrong password is a refusal in the words of the broker`, async (t) => {
    const { brokers, target } = await make(t);
    const credentials = { type: "plain", username: "qpid", password: "wrong" } as const;
    const opened = await brokers.connect({ ...target, credentials }, longMs, null).opened;
    t.match(opened, { problem: { type: "refused", words: "Failed to authenticate: 1" } });
  });

  test(`${name}: a broker that stands still opens nothing and answers nothing`, async (t) => {
    const { brokers, target, signal } = await make(t);
    const before = brokers.connect(target, longMs, null);
    await before.opened;
    signal("SIGSTOP");
    t.match(await before.status(shortMs), { problem: { type: "timed-out" } });
    const opened = await brokers.connect(target, shortMs, null).opened;
    t.match(opened, { problem: { type: "timed-out" } });
    const asked = before.status(longMs);
    signal("SIGCONT");
    t.match(await asked, { ok: true, value: { state: "joining" } });
    before.close();
  });
}

function endContract(name: string, make: (t: Test) => Promise<BrokerBench>): void {
  test(`${name}: the end of a broker is told once, and then nobody listens`, async (t) => {
    const { brokers, target, signal, kill } = await make(t);
    const told: string[] = [];
    const events: BrokerEvents = {
      onMembers: () => undefined,
      onDisconnected: (words) => told.push(words),
    };
    const connection = brokers.connect(target, longMs, events);
    await connection.opened;
    signal("SIGSTOP");
    const asked = connection.status(longMs);
    await kill();
    t.match(await asked, { problem: { type: "disconnected" } });
    await until("it is told", () => told.length > 0);
    connection.close();
    t.same(told, ["the broker ended the connection"]);
    const opened = await brokers.connect(target, longMs, null).opened;
    t.match(opened, { problem: { type: "unreachable", code: "ECONNREFUSED" } });
  });

  test(`${name}: what is closed here ends questions, and nothing more is told`, async (t) => {
    const { brokers, target, signal, kill } = await make(t);
    const told: string[] = [];
    const events: BrokerEvents = {
      onMembers: () => undefined,
      onDisconnected: (words) => told.push(words),
    };
    const connection = brokers.connect(target, longMs, events);
    await connection.opened;
    signal("SIGSTOP");
    const asked = connection.status(longMs);
    connection.close();
    connection.close();
    t.match(await asked, { problem: { type: "disconnected" } });
    const other = brokers.connect(target, longMs, null);
    other.close();
    t.match(await other.opened, { problem: { type: "dropped" } });
    await kill();
    t.same(told, []);
  });
}
