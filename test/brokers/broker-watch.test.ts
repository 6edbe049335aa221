/**
 * The watch of one broker, as a transcript: inputs in, outputs in a short form, and time that
 * passes by itself.
 */
import fc from "fast-check";
import { test } from "tap";
import type { BrokerState } from "../../src/brokers/broker-state.ts";
import {
  BrokerWatch,
  type WatchInput,
  type WatchOutput,
  type WatchTimer,
} from "../../src/brokers/broker-watch.ts";
import { ms } from "../../src/model/time.ts";
import { brokerStatus } from "./statuses.ts";

/** What the watch asks for, done by a broker that the test describes. */
class Watched {
  readonly watch = new BrokerWatch();
  readonly lines: string[] = [];
  readonly #timers = new Map<WatchTimer, number>();
  #nowMs = 0;
  connection = 0;
  asked = 0;
  /** What the broker does with a question and with a connection. */
  answers: BrokerState | null = "ready";
  accepts = true;

  constructor() {
    this.input({ type: "start" });
  }

  input(input: WatchInput): void {
    for (const output of this.watch.step(input)) this.#perform(output);
  }

  /** Lets time pass; the broker answers at once, or not at all. */
  run(forMs: number): readonly string[] {
    const untilMs = this.#nowMs + forMs;
    for (;;) {
      const [due] = [...this.#timers].sort((a, b) => a[1] - b[1]);
      if (due === undefined || due[1] > untilMs) break;
      this.#nowMs = due[1];
      this.#timers.delete(due[0]);
      this.input({ type: "timer", timer: due[0] });
    }
    this.#nowMs = untilMs;
    return this.lines.splice(0);
  }

  breaks(words = "closed by the peer"): void {
    this.input({ type: "disconnected", connection: this.connection, words });
  }

  #perform(output: WatchOutput): void {
    switch (output.type) {
      case "arm":
        this.#timers.set(output.timer, this.#nowMs + output.afterMs);
        return;
      case "disarm":
        this.#timers.delete(output.timer);
        return;
      case "connect":
        this.connection = output.connection;
        this.#note("connect");
        if (this.accepts) this.input({ type: "connected", connection: output.connection });
        return;
      case "ask":
        this.asked += 1;
        if (this.answers === null) this.#note("unanswered");
        else {
          const status = brokerStatus(this.answers);
          this.input({ type: "status", connection: output.connection, status });
        }
        return;
      case "close":
        this.#note("close");
        return;
      case "check-process":
        this.#note("check process");
        return;
      case "state":
        if (output.state.type !== "answering") this.#note(output.state.type);
        return;
      default:
        output satisfies never;
    }
  }

  #note(text: string): void {
    this.lines.push(`${this.#nowMs} ${text}`);
  }
}

test("asks twice a second over one connection", (t) => {
  const watched = new Watched();
  t.same(watched.run(10_000), ["0 connect"]);
  t.equal(watched.asked, 21);
  t.match(watched.watch.snapshot(), { type: "answering", status: { state: "ready" } });
  t.end();
});

test("WATCH1: a broker is frozen after two misses on a fresh connection", (t) => {
  const watched = new Watched();
  watched.run(1000);
  watched.answers = null;
  watched.accepts = false;
  t.same(watched.run(5000), [
    "1500 unanswered",
    "3500 doubted",
    "3500 close",
    "3500 connect",
    "6000 frozen",
    "6000 close",
    "6000 connect",
  ]);
  watched.accepts = true;
  watched.answers = "active";
  t.same(watched.run(5000), ["8500 close", "8500 connect"], "it woke up");
  t.match(watched.watch.snapshot(), { type: "answering" });
  t.end();
});

test("WATCH1: with another heartbeat the broker has more time, or less", (t) => {
  for (const [heartbeat, frozenFrom, frozenTo] of [
    [1000, 2000, 2600],
    [10_000, 20_000, 22_000],
  ] as const) {
    const watched = new Watched();
    watched.input({ type: "heartbeat", heartbeatMs: ms(heartbeat) });
    watched.run(5000);
    watched.answers = null;
    t.notMatch(watched.run(frozenFrom).join(), /frozen/);
    t.match(watched.run(frozenTo - frozenFrom).join(), /frozen/);
  }
  t.end();
});

test("WATCH1: on a fresh connection that opens, two questions are asked", (t) => {
  const watched = new Watched();
  watched.answers = null;
  watched.breaks();
  watched.run(50);
  const asked = watched.asked;
  t.same(watched.run(2499), ["550 unanswered"]);
  t.equal(watched.asked, asked + 1);
  t.equal(watched.watch.snapshot().type, "lost");
  t.match(watched.run(2), ["2550 frozen"]);
  t.end();
});

test("WATCH1: a broken connection to a healthy broker is only replaced", (t) => {
  const watched = new Watched();
  watched.answers = null;
  watched.run(1000);
  t.equal(watched.watch.snapshot().type, "answering");
  watched.run(1499);
  watched.answers = "active";
  t.same(watched.run(1), ["2500 doubted", "2500 close", "2500 connect"]);
  t.match(watched.watch.snapshot(), { type: "answering", status: { state: "active" } });
  t.end();
});

test("WATCH2: when the connection ends the process is looked at", (t) => {
  const watched = new Watched();
  watched.run(1000);
  watched.accepts = false;
  watched.breaks();
  t.same(watched.run(0), ["1000 close", "1000 lost", "1000 check process"]);
  watched.input({ type: "process", alive: false });
  t.same(watched.run(100), ["1000 gone", "1050 connect"]);
  watched.breaks("ECONNREFUSED");
  t.same(watched.run(600), ["1100 close", "1600 connect"], "again and again, without a word");
  watched.run(60_000);
  t.equal(watched.watch.snapshot().type, "gone", "what has ended is not frozen");
  watched.accepts = true;
  watched.run(3000);
  t.match(watched.watch.snapshot(), { type: "answering" }, "it was restarted");
  watched.input({ type: "process", alive: false });
  t.match(watched.watch.snapshot(), { type: "answering" }, "an answer counts more");
  t.end();
});

test("WATCH2: while there is a process, a lost connection is no death", (t) => {
  const watched = new Watched();
  watched.accepts = false;
  watched.breaks("ECONNREFUSED");
  watched.input({ type: "process", alive: true });
  t.equal(watched.watch.snapshot().type, "lost");
  watched.run(60);
  watched.breaks("ECONNREFUSED");
  t.match(watched.run(0), ["60 close", "60 check process"], "it is looked at again");
  watched.input({ type: "process", alive: false });
  t.equal(watched.watch.snapshot().type, "gone");
  watched.input({ type: "process", alive: true });
  t.equal(watched.watch.snapshot().type, "connecting");
  t.end();
});

test("a broker that is not there is tried less and less often, and at once when it starts", (t) => {
  const watched = new Watched();
  watched.accepts = false;
  const waits: number[] = [];
  for (let tries = 0; tries < 8; tries += 1) {
    watched.breaks("ECONNREFUSED");
    watched.input({ type: "process", alive: false });
    let waitedMs = 50;
    while (!watched.run(50).some((line) => line.endsWith(" connect"))) waitedMs += 50;
    waits.push(waitedMs);
  }
  t.same(waits, [50, 500, 1000, 2000, 4000, 5000, 5000, 5000]);
  watched.input({ type: "start" });
  t.match(watched.run(0).at(-1), / connect$/);
  watched.breaks("ECONNREFUSED");
  t.match(watched.run(50).at(-1), / connect$/);
  t.end();
});

test("WATCH5: after a broker that never answered was frozen, the next one has more time", (t) => {
  const watched = new Watched();
  const restarted = (): string => {
    watched.breaks();
    watched.input({ type: "process", alive: false });
    watched.input({ type: "stop" });
    watched.run(1000);
    watched.input({ type: "start" });
    return watched.run(25_000).join();
  };
  watched.answers = null;
  watched.input({ type: "stop" });
  watched.input({ type: "start" });
  t.match(watched.run(5000).join(), /frozen/);
  t.notMatch(restarted(), /frozen/);
  t.match(watched.run(15_000).join(), /frozen/, "but not for ever");
  t.notMatch(restarted(), /frozen/);
  watched.answers = "joining";
  watched.run(2000);
  watched.answers = null;
  t.match(watched.run(8000).join(), /frozen/, "once it has answered it is as any other");
  t.match(restarted(), /frozen/);
  t.end();
});

test("WATCH3: a pending promotion and a catch-up are no death", (t) => {
  const promoting = new Watched();
  promoting.input({ type: "promote", pending: true });
  promoting.answers = null;
  t.notMatch(promoting.run(60_000).join(), /frozen/);
  promoting.input({ type: "promote", pending: false });
  t.match(promoting.run(5000).join(), /frozen/);

  const copying = new Watched();
  copying.answers = "catchup";
  copying.run(1000);
  copying.answers = null;
  t.notMatch(copying.run(25_000).join(), /frozen/);
  t.match(copying.run(15_000).join(), /frozen/);
  t.end();
});

test("WATCH4: what comes from a connection that was given up changes nothing", (t) => {
  const watched = new Watched();
  watched.run(100);
  watched.answers = null;
  watched.run(2500);
  const state = watched.watch.snapshot();
  t.equal(state.type, "doubted");
  const old = watched.connection - 1;
  t.same(
    watched.watch.step({ type: "status", connection: old, status: brokerStatus("active") }),
    [],
  );
  t.same(watched.watch.step({ type: "disconnected", connection: old, words: "late" }), []);
  t.equal(watched.watch.snapshot(), state);
  t.end();
});

test("a refusal is a state of its own, in the broker's words", (t) => {
  const watched = new Watched();
  watched.run(1000);
  const words = "Failed to authenticate: 1";
  watched.input({ type: "refused", connection: watched.connection, words });
  t.same(watched.watch.snapshot(), { type: "refusing", words });
  t.same(watched.run(4999), ["1000 close", "1000 refusing"]);
  t.match(watched.run(1), ["6000 connect"]);
  t.match(watched.watch.snapshot(), { type: "answering" });
  const misfit = { part: "members", text: "is not a list" };
  watched.input({ type: "misfit", connection: watched.connection, misfit });
  t.same(watched.watch.snapshot(), { type: "misfit", misfit });
  watched.input({ type: "stop" });
  t.match(watched.run(60_000), [/misfit/, /close/]);
  t.end();
});

const connection = fc.integer({ min: 0, max: 12 });
const words = fc.constant("words");
const inputs: fc.Arbitrary<WatchInput> = fc.oneof(
  fc.record({ type: fc.constant("connected" as const), connection }),
  fc.record({ type: fc.constant("disconnected" as const), connection, words }),
  fc.record({ type: fc.constant("refused" as const), connection, words }),
  fc.record({
    type: fc.constant("status" as const),
    connection,
    status: fc.constantFrom(brokerStatus("ready"), brokerStatus("catchup")),
  }),
  fc.record({ type: fc.constant("process" as const), alive: fc.boolean() }),
  fc.record({ type: fc.constant("promote" as const), pending: fc.boolean() }),
  fc.record({
    type: fc.constant("timer" as const),
    timer: fc.constantFrom<WatchTimer[]>("probe", "answer", "connect"),
  }),
);

test("whatever happens, one connection is in use and something will happen again", (t) => {
  fc.assert(
    fc.property(fc.array(inputs, { maxLength: 60 }), (given) => {
      const watch = new BrokerWatch();
      const armed = new Set<WatchTimer>();
      const open = new Set<number>();
      let promoting = false;
      for (const input of [{ type: "start" } as const, ...given]) {
        if (input.type === "timer" && !armed.delete(input.timer)) continue;
        if (input.type === "promote") promoting = input.pending;
        const before = watch.snapshot().type;
        for (const output of watch.step(input)) {
          if (output.type === "arm") armed.add(output.timer);
          if (output.type === "disarm") armed.delete(output.timer);
          if (output.type === "connect") open.add(output.connection);
          if (output.type === "close") open.delete(output.connection);
          if (output.type === "ask" && !open.has(output.connection)) return false;
          if (output.type === "state" && output.state.type === "frozen") {
            if (promoting || before === "gone" || input.type !== "timer") return false;
          }
        }
        if (open.size > 1 || armed.size === 0) return false;
      }
      return true;
    }),
    { numRuns: 1000 },
  );
  t.end();
});
