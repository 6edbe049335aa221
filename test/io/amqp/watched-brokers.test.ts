/**
 * The watch of a broker over real connections, with processes of the stand-in that are stopped,
 * killed and started again.
 */

import { t as suite, type Test, test } from "tap";
import type { BrokerCredentials } from "../../../src/brokers/broker-account.ts";
import {
  BrokerWatch,
  type WatchInput,
  type WatchOutput,
  type WatchState,
  type WatchTimer,
} from "../../../src/brokers/broker-watch.ts";
import { AmqpBrokers } from "../../../src/io/amqp/broker-connections.ts";
import type { BrokerAskProblem, BrokerConnection } from "../../../src/io/broker-port.ts";
import { type Broker, BrokerCluster } from "../../broker/brokers.ts";
import { until } from "../../netns/until.ts";

/** Beyond the limits of the watch, which are its timers. */
const limitMs = 60_000;

/** Performs what a watch wants, as a daemon does. */
class Watching {
  readonly states: string[] = [];
  readonly #watch = new BrokerWatch();
  readonly #brokers = new AmqpBrokers();
  readonly #timers = new Map<WatchTimer, NodeJS.Timeout>();
  readonly #connections = new Map<number, BrokerConnection>();
  readonly #broker: Broker;
  readonly #credentials: BrokerCredentials;
  #alive = true;

  constructor(t: Test, broker: Broker, credentials: BrokerCredentials = { type: "anonymous" }) {
    this.#broker = broker;
    this.#credentials = credentials;
    this.#step({ type: "start" });
    t.teardown(() => this.#step({ type: "stop" }));
  }

  get state(): WatchState {
    return this.#watch.snapshot();
  }

  /** What the owner of the process would say of it. */
  processIs(alive: boolean): void {
    this.#alive = alive;
  }

  async reaches(type: WatchState["type"]): Promise<void> {
    await until(() => this.state.type === type, { describe: () => this.states.join() });
  }

  #step(input: WatchInput): void {
    for (const output of this.#watch.step(input)) this.#perform(output);
  }

  #perform(output: WatchOutput): void {
    switch (output.type) {
      case "connect":
        this.#connect(output.connection);
        return;
      case "ask":
        void this.#ask(output.connection);
        return;
      case "close":
        this.#connections.get(output.connection)?.close();
        this.#connections.delete(output.connection);
        return;
      case "arm":
        clearTimeout(this.#timers.get(output.timer));
        this.#timers.set(
          output.timer,
          setTimeout(() => this.#step({ type: "timer", timer: output.timer }), output.afterMs),
        );
        return;
      case "disarm":
        clearTimeout(this.#timers.get(output.timer));
        return;
      case "check-process":
        queueMicrotask(() => this.#step({ type: "process", alive: this.#alive }));
        return;
      case "state":
        this.states.push(output.state.type);
        return;
      default:
        output satisfies never;
    }
  }

  #connect(connection: number): void {
    const target = { host: "127.0.0.1", port: this.#broker.port, credentials: this.#credentials };
    const opened = this.#brokers.connect(target, limitMs, {
      onMembers: () => undefined,
      onDisconnected: (words) => this.#step({ type: "disconnected", connection, words }),
    });
    this.#connections.set(connection, opened);
    void opened.opened.then((result) => {
      if (result.ok) this.#step({ type: "connected", connection });
      else {
        const type = result.problem.type === "refused" ? "refused" : "disconnected";
        this.#step({ type, connection, words: result.problem.words });
      }
    });
  }

  async #ask(connection: number): Promise<void> {
    const status = await this.#connections.get(connection)?.status(limitMs);
    if (status === undefined) return;
    if (status.ok) this.#step({ type: "status", connection, status: status.value });
    else this.#step(failed(connection, status.problem));
  }
}

function failed(connection: number, problem: BrokerAskProblem): WatchInput {
  switch (problem.type) {
    case "refused":
      return { type: "refused", connection, words: problem.refusal.words };
    case "misfit":
      return { type: "misfit", connection, misfit: problem.misfit };
    case "absent":
      return { type: "refused", connection, words: problem.words };
    default:
      return { type: "disconnected", connection, words: problem.words };
  }
}

const cluster = await BrokerCluster.formed({ count: 2 });
suite.teardown(() => cluster.stop());
const [b1, b2] = [cluster.broker(1), cluster.broker(2)];

test("a frozen broker is found, and comes back", async (t) => {
  const watching = new Watching(t, b2);
  await watching.reaches("answering");
  b2.signal("SIGSTOP");
  await watching.reaches("frozen");
  b2.signal("SIGCONT");
  await watching.reaches("answering");
  t.match(watching.states.join(), /doubted,frozen.*answering$/);
});

test("a broker that is killed is lost, then gone, and answers when it is started", async (t) => {
  const watching = new Watching(t, b1);
  await watching.reaches("answering");
  t.match(watching.state, { status: { state: "active" } });
  await b1.kill();
  await watching.reaches("lost");
  watching.processIs(false);
  await watching.reaches("gone");
  await b1.start();
  await watching.reaches("answering");
  t.match(watching.state, { status: { state: "joining" } });
});

test("a broker in no cluster refuses, and what to do is said", async (t) => {
  const alone = await BrokerCluster.start({ count: 1, settings: { "ha-cluster": "no" } });
  t.teardown(() => alone.stop());
  const watching = new Watching(t, alone.broker(1));
  await watching.reaches("refusing");
  t.match(watching.state, { words: "it is in no cluster: set ha-cluster=yes in its qpidd.conf" });
});

test("a wrong password is a refusal, and neither frozen nor gone", async (t) => {
  const guarded = await BrokerCluster.prepare({
    count: 1,
    settings: { auth: "yes", "ha-username": "ha", "ha-password": "secret" },
  });
  t.teardown(() => guarded.stop());
  const broker = guarded.broker(1);
  await broker.start();
  const wrong = { type: "plain", username: "ha", password: "wrong" } as const;
  const watching = new Watching(t, broker, wrong);
  await watching.reaches("refusing");
  t.match(watching.state, { words: "Failed to authenticate: 1" });
});
