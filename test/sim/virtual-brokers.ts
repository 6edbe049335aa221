/**
 * A broker on a virtual machine, and the port to it: it may be away, or stand still as after
 * SIGSTOP, when connections are made by the kernel and nothing is answered. There is one broker,
 * whatever the address.
 */
import type { BrokerState } from "../../src/brokers/broker-state.ts";
import type { BrokerStatus } from "../../src/brokers/broker-status.ts";
import type {
  BrokerAnswer,
  BrokerAskProblem,
  BrokerConnection,
  BrokerConnections,
  BrokerConnectProblem,
  BrokerEvents,
  BrokerTarget,
  PromoteLimits,
  PromoteResult,
} from "../../src/io/broker-port.ts";
import { accept, type Result, refuse } from "../../src/model/outcome.ts";
import { brokerStatus } from "../brokers/statuses.ts";
import type { VirtualProcess } from "./virtual-process.ts";
import { resultIn } from "./virtual-promise.ts";
import type { Timeline } from "./virtual-time.ts";

/** On loopback. */
const answerMs = 1;

type Line = { readonly broken: (words: string) => void; readonly news: () => void };

export class VirtualBroker {
  state: BrokerState = "joining";
  /** What it says of itself. */
  status: () => BrokerStatus = () => brokerStatus(this.state);
  /** Who may connect; null: everybody. */
  account: { readonly username: string; readonly password: string } | null = null;
  /** It answers authenticated clients with these words only; null: it permits them everything. */
  forbids: string | null = null;
  #process: "absent" | "runs" | "stopped" = "absent";
  readonly #lines = new Set<Line>();
  #waiting: (() => void)[] = [];
  /** How many connections were tried. */
  tries = 0;

  get process(): "absent" | "runs" | "stopped" {
    return this.#process;
  }

  start(state: BrokerState = "joining"): void {
    this.state = state;
    this.#process = "runs";
  }

  stop(): void {
    if (this.#process === "runs") this.#process = "stopped";
  }

  goOn(): void {
    if (this.#process !== "stopped") return;
    this.#process = "runs";
    for (const answer of this.#waiting.splice(0)) answer();
  }

  kill(): void {
    this.#process = "absent";
    this.#waiting = [];
    for (const { broken } of [...this.#lines]) broken("the broker ended the connection");
  }

  /** Does it when the broker runs, unless it ends before. */
  serve(answer: () => void): void {
    if (this.#process === "runs") answer();
    else if (this.#process === "stopped") this.#waiting.push(answer);
  }

  /** Its member list has changed. */
  tellMembers(): void {
    if (this.#process === "runs") for (const { news } of [...this.#lines]) news();
  }

  join(line: Line): void {
    this.#lines.add(line);
  }

  leave(line: Line): void {
    this.#lines.delete(line);
  }
}

export class VirtualBrokers implements BrokerConnections {
  readonly #broker: VirtualBroker;
  readonly #process: VirtualProcess;
  readonly #time: Timeline;

  constructor(broker: VirtualBroker, process: VirtualProcess, time: Timeline) {
    this.#broker = broker;
    this.#process = process;
    this.#time = time;
  }

  connect(target: BrokerTarget, limitMs: number, events: BrokerEvents | null): BrokerConnection {
    this.#broker.tries += 1;
    const parts = { broker: this.#broker, process: this.#process, time: this.#time };
    return new VirtualConnection(parts, target, { limitMs, events });
  }

  ping(target: BrokerTarget, limitMs: number): PromiseLike<Result<null, BrokerConnectProblem>> {
    const connection = this.connect(target, limitMs, null);
    return connection.opened.then((opened) => {
      connection.close();
      return opened;
    });
  }

  promote(target: BrokerTarget, limits: PromoteLimits): PromiseLike<PromoteResult> {
    return this.ping(target, limits.connectMs).then((opened): PromoteResult => {
      if (!opened.ok) return { type: "not-asked", problem: opened.problem };
      this.#broker.state = "active";
      return { type: "promoted" };
    });
  }
}

type Parts = {
  readonly broker: VirtualBroker;
  readonly process: VirtualProcess;
  readonly time: Timeline;
};

class VirtualConnection implements BrokerConnection {
  readonly opened: PromiseLike<Result<null, BrokerConnectProblem>>;
  readonly #parts: Parts;
  readonly #events: BrokerEvents | null;
  readonly #line: Line = {
    broken: (words) => this.#end(words, "told"),
    news: () => this.#tellMembers(),
  };
  readonly #questions = new Set<(words: string) => void>();
  #settleOpened: (result: Result<null, BrokerConnectProblem>) => void = () => undefined;
  #phase: "opening" | "open" | "ended" = "opening";

  constructor(
    parts: Parts,
    target: BrokerTarget,
    options: { readonly limitMs: number; readonly events: BrokerEvents | null },
  ) {
    this.#parts = parts;
    this.#events = options.events;
    this.opened = resultIn(parts.process, (settle) => {
      this.#settleOpened = settle;
    });
    parts.time.after(answerMs, () => this.#arrive(target));
    parts.time.after(options.limitMs, () => {
      const words = `no connection after ${options.limitMs} ms`;
      if (this.#phase === "opening") this.#fail({ type: "timed-out", words });
    });
  }

  status(limitMs: number): BrokerAnswer<BrokerStatus> {
    return this.#ask(limitMs, () => this.#parts.broker.status());
  }

  queues(limitMs: number): BrokerAnswer<readonly never[]> {
    return this.#ask(limitMs, () => []);
  }

  #tellMembers(): void {
    const { broker, process, time } = this.#parts;
    const { members } = broker.status();
    time.after(answerMs, () => {
      if (this.#phase === "open") process.enter(() => this.#events?.onMembers(members));
    });
  }

  close(): void {
    if (this.#phase === "opening") this.#fail({ type: "dropped", words: "closed here" });
    else this.#end("closed here", "silently");
  }

  #arrive(target: BrokerTarget): void {
    const { broker } = this.#parts;
    if (this.#phase !== "opening") return;
    if (broker.process === "absent") {
      const words = `connect ECONNREFUSED ${target.host}:${target.port}`;
      this.#fail({ type: "unreachable", code: "ECONNREFUSED", words });
      return;
    }
    broker.join(this.#line);
    broker.serve(() => {
      if (this.#phase !== "opening") return;
      if (!this.#admits(target)) {
        this.#fail({ type: "refused", words: "Failed to authenticate: 1" });
        return;
      }
      this.#phase = "open";
      this.#settleOpened(accept(null));
    });
  }

  #admits({ credentials }: BrokerTarget): boolean {
    const { account } = this.#parts.broker;
    if (account === null) return true;
    const { username, password } = account;
    if (credentials.type !== "plain") return false;
    return credentials.username === username && credentials.password === password;
  }

  #ask<Value>(limitMs: number, answer: () => Value): BrokerAnswer<Value> {
    const { broker, process, time } = this.#parts;
    return resultIn<Result<Value, BrokerAskProblem>>(process, (settle) => {
      let open = true;
      const end = (result: Result<Value, BrokerAskProblem>): void => {
        if (!open) return;
        open = false;
        this.#questions.delete(broken);
        settle(result);
      };
      const broken = (words: string): void => end(refuse({ type: "disconnected", words }));
      this.#questions.add(broken);
      const words = `no answer after ${limitMs} ms`;
      time.after(limitMs, () => end(refuse({ type: "timed-out", words })));
      time.after(answerMs, () => {
        if (this.#phase !== "open") broken("the connection has ended");
        else broker.serve(() => end(this.#permitted(answer)));
      });
    });
  }

  #permitted<Value>(answer: () => Value): Result<Value, BrokerAskProblem> {
    const { forbids } = this.#parts.broker;
    if (forbids === null) return accept(answer());
    const refusal = { code: 6, kind: "forbidden", words: forbids } as const;
    return refuse({ type: "refused", refusal });
  }

  #fail(problem: BrokerConnectProblem): void {
    this.#phase = "ended";
    this.#parts.broker.leave(this.#line);
    this.#settleOpened(refuse(problem));
  }

  #end(words: string, how: "told" | "silently"): void {
    if (this.#phase === "opening") {
      this.#fail({ type: "dropped", words });
      return;
    }
    const wasOpen = this.#phase === "open";
    this.#phase = "ended";
    this.#parts.broker.leave(this.#line);
    for (const broken of [...this.#questions]) broken(words);
    if (!wasOpen || how === "silently") return;
    this.#parts.time.after(0, () => {
      this.#parts.process.enter(() => this.#events?.onDisconnected(words, "ended"));
    });
  }
}
