/**
 * Carries out the outputs of broker-care.ts: asks the broker of this node over the port, reads its
 * qpidd.conf before each connection, looks at its processes and kills them, and has services
 * checked. Decides nothing. Takes results only by callbacks, so that it also runs in the simulator.
 */

import { BrokerCare } from "../brokers/broker-care.ts";
import type { BrokerSight } from "../brokers/broker-sight.ts";
import { type BrokerStatus, replicatedDepth } from "../brokers/broker-status.ts";
import type { BrokerProcesses, CareInput, CareOutput, CareTimer } from "../brokers/care-events.ts";
import { type BrokerSource, type OwnBroker, readOwnBroker } from "../brokers/own-broker.ts";
import { parseQpiddConf } from "../brokers/qpidd-conf.ts";
import type { BrokerConnection, BrokerConnections } from "../io/broker-port.ts";
import type {
  Clock,
  EndedProcesses,
  LogSink,
  ProcessRunner,
  Stop,
  TrackedProcess,
} from "../io/ports.ts";
import type { OwnQpiddConf } from "../io/qpidd-conf-file.ts";
import { NamedTimers } from "../io/timers.ts";
import { StepLoop } from "../loop/step-loop.ts";
import type { ClusterConf } from "../model/conf.ts";
import type { NodeId, ServiceName } from "../model/ids.ts";
import { accept, assertNever, type Result, refuse } from "../model/outcome.ts";
import type { OwnBrokerStatus } from "../model/status.ts";
import type { LastPromotion } from "../services/table/broker-records.ts";
import type { ServiceTable } from "../services/table/service-table.ts";
import { BrokerDuties } from "./broker-duty.ts";
import { nobodyListens, unanswered, unopened, wordsOf } from "./broker-problems.ts";

/** The machine on which the broker runs. */
export type BrokerPorts = {
  readonly brokers: BrokerConnections;
  readonly readConf: (source: BrokerSource) => PromiseLike<OwnQpiddConf>;
  readonly processes: Pick<ProcessRunner, "listTracked" | "killPresent">;
  readonly memory: PromotionMemory;
};

/** Which broker became primary last, over starts of this node. */
export interface PromotionMemory {
  readonly last: LastPromotion | null;
  remember(last: LastPromotion): void;
}

export type ObserverParts = {
  readonly ports: BrokerPorts;
  readonly self: NodeId;
  readonly clock: Clock;
  readonly trackingToken: string;
  readonly log: LogSink;
  /** What the other nodes are told of the broker has changed. */
  readonly onSight: (sight: BrokerSight) => void;
  readonly checkNow: (service: ServiceName, why: string) => void;
  /** What is known of the broker may have changed. */
  readonly onChange: () => void;
};

export const noOwnBroker: OwnBrokerStatus = { state: "unused", text: "", services: [] };

/** The watch gives up long before: its own timers are the limits. */
const portLimitMs = 60_000;
/** Answers from one count of the messages to the next: with two a second, ten seconds. */
const countEvery = 20;

type ObservedTable = Pick<ServiceTable, "service" | "lastPromotion">;

type Queued =
  | { readonly type: "input"; readonly input: CareInput }
  | { readonly type: "firing"; readonly claim: () => CareTimer | null };

export class BrokerObserver {
  readonly #parts: ObserverParts;
  readonly #care = new BrokerCare();
  readonly #duties: BrokerDuties;
  readonly #loop: StepLoop<Queued, CareOutput>;
  readonly #timers: NamedTimers<CareTimer>;
  /** Null: its qpidd.conf is being read. */
  readonly #connections = new Map<number, BrokerConnection | null>();
  /** Those that can be asked now. */
  readonly #open = new Set<number>();
  /** The last attempt has found that nobody listens: there is no broker. */
  #nobodyListens = false;
  /** Messages in the replicated queues of the broker, when they were counted last. */
  #depth = 0;
  /** For which state and members they were counted, and how many answers ago. */
  #counted = { of: "", answers: 0 };
  #toldSight = "";
  readonly #listeners = new Set<() => void>();
  #onReleased: ((left: string | null) => void)[] = [];

  constructor(parts: ObserverParts) {
    this.#parts = parts;
    this.#duties = new BrokerDuties(parts.self);
    this.#loop = new StepLoop({
      step: (queued) => this.#take(queued),
      perform: (output) => this.#perform(output),
      onIdle: () => {
        this.#tellSight();
        const listeners = [...this.#listeners];
        this.#listeners.clear();
        for (const listener of listeners) listener();
        parts.onChange();
      },
    });
    this.#timers = new NamedTimers<CareTimer>({
      clock: parts.clock,
      // What has arrived while this process did not run comes first.
      tentative: ["answer"],
      onDue: (firing) => {
        const claim = () => (this.#timers.claim(firing) ? firing.timer : null);
        this.#loop.push({ type: "firing", claim });
      },
    });
  }

  get status(): OwnBrokerStatus {
    const { services } = this.#duties;
    return services.length === 0 ? noOwnBroker : { ...this.#care.snapshot(), services };
  }

  /** In this time the broker must answer a question. */
  get heartbeatMs(): number {
    return this.#duties.source.heartbeatMs;
  }

  /** Null: this node has no broker to look after. */
  get sight(): BrokerSight | null {
    if (this.#duties.services.length === 0) return null;
    const sight = this.#care.sight();
    return sight.type === "answers" ? { ...sight, depth: this.#depth } : sight;
  }

  /** The service that promotes stops: calls `done` as CareOutput `released` says. */
  ensureEnded(by: "script" | "nobody", done: (left: string | null) => void): void {
    this.#onReleased.push(done);
    this.#push({ type: "primary-stopped", by });
  }

  /** Asks the broker at once, where a connection to it is open. */
  refresh(): void {
    for (const connection of this.#open) this.#ask(connection);
  }

  /**
   * Asks the broker, and calls `done` with why it does not answer, or null; what it has answered
   * was said before.
   */
  askNow(done: (problem: string | null) => void): void {
    const [connection] = this.#open;
    const open = connection === undefined ? null : (this.#connections.get(connection) ?? null);
    if (connection === undefined || open === null) {
      done("its broker has no connection with its node now");
      return;
    }
    void open.status(this.heartbeatMs).then((status) => {
      if (status.ok) this.#push({ type: "status", connection, status: status.value });
      done(status.ok ? null : `its broker does not answer: ${wordsOf(status.problem)}`);
    });
  }

  /** Calls it after the next change of what is known, unless it is stopped before. */
  onceChanged(listener: () => void): Stop {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The broker has refused to be promoted, since it has joined others that are not joining. */
  noteRefusal(): void {
    this.#push({ type: "promotion-refused" });
  }

  requireEnd(why: string): void {
    this.#push({ type: "must-end", why });
  }

  /** To be called when one of them may have changed; `table` as in BrokerDuties. */
  look(conf: ClusterConf, table: ObservedTable | null): void {
    this.#remember(table?.lastPromotion ?? null);
    const duty = this.#duties.change(conf, table);
    if (duty !== null) this.#push({ type: "duty", duty });
  }

  /** A promotion that was only stored elsewhere counts if it is later than the one stored here. */
  #remember(last: ObservedTable["lastPromotion"]): void {
    if (last === null) return;
    const { memory } = this.#parts.ports;
    const { seen, node, at } = last;
    const known = memory.last;
    const later = known === null || at > known.at;
    const changed = known === null || at !== known.at || node !== known.node;
    if (later || (seen && changed)) memory.remember({ node, at });
  }

  /** Nothing is asked or killed any more. */
  end(): void {
    this.#loop.end();
    this.#timers.disarmAll();
    this.#onReleased = [];
    for (const connection of this.#connections.values()) connection?.close();
    this.#connections.clear();
  }

  #push(input: CareInput): void {
    this.#loop.push({ type: "input", input });
  }

  #take(queued: Queued): readonly CareOutput[] {
    if (queued.type === "input") return this.#care.step(queued.input);
    const timer = queued.claim();
    return timer === null ? [] : this.#care.step({ type: "timer", timer });
  }

  #perform(output: CareOutput): void {
    switch (output.type) {
      case "connect":
        this.#connect(output.connection);
        return;
      case "ask":
        this.#ask(output.connection);
        return;
      case "close":
        this.#connections.get(output.connection)?.close();
        this.#connections.delete(output.connection);
        this.#open.delete(output.connection);
        return;
      case "arm":
        this.#timers.arm(output.timer, output.afterMs);
        return;
      case "disarm":
        this.#timers.disarm(output.timer);
        return;
      case "check-process":
        this.#look(output.processes);
        return;
      case "kill":
        this.#kill(output.processes);
        return;
      case "released":
        for (const done of this.#onReleased.splice(0)) done(output.left);
        return;
      case "check":
        for (const service of output.services) this.#parts.checkNow(service, output.why);
        return;
      case "say":
        this.#parts.log.write("services", output.level, { text: output.text });
        return;
      default:
        assertNever(output);
    }
  }

  #connect(connection: number): void {
    this.#connections.set(connection, null);
    void this.target().then((target) => {
      if (!this.#connections.has(connection)) return;
      if (!target.ok) {
        this.#push({ type: "unobserved", connection, why: target.problem });
        return;
      }
      this.#push({ type: "log", log: target.value.log });
      const made = this.#parts.ports.brokers.connect(target.value, portLimitMs, {
        onMembers: () => this.#ask(connection),
        onDisconnected: (words, how) => {
          this.#open.delete(connection);
          const type = how === "refused" ? "refused" : "disconnected";
          this.#push({ type, connection, words });
        },
      });
      this.#connections.set(connection, made);
      void made.opened.then((opened) => {
        this.#nobodyListens = !opened.ok && nobodyListens(opened.problem);
        if (opened.ok) {
          if (this.#connections.has(connection)) this.#open.add(connection);
          this.#push({ type: "connected", connection });
        } else this.#push(unopened(connection, opened.problem));
      });
    });
  }

  /** How the broker is asked now, or why it cannot be. */
  target(): PromiseLike<Result<OwnBroker & { readonly heartbeatMs: number }, string>> {
    const { source } = this.#duties;
    return this.#parts.ports.readConf(source).then(({ path, text, password }) => {
      if (!text.ok) return refuse(`${path}: ${text.problem}`);
      if (password?.ok === false) return refuse(password.problem);
      const read = readOwnBroker(text.value, source, password?.value);
      if (!read.ok) return refuse(`${path}: ${read.problem}`);
      const heartbeatMs = parseQpiddConf(text.value).settings.linkHeartbeatMs.value;
      return accept({ ...read.value, heartbeatMs });
    });
  }

  #ask(connection: number): void {
    void this.#connections
      .get(connection)
      ?.status(portLimitMs)
      .then((status) => {
        if (status.ok) {
          this.#count(connection, status.value);
          this.#push({ type: "status", connection, status: status.value });
        } else this.#push(unanswered(connection, status.problem));
      });
  }

  /** Counts the messages when something has changed, and now and then. */
  #count(connection: number, { state, members }: BrokerStatus): void {
    const of = JSON.stringify([state, members]);
    const { answers } = this.#counted;
    const due = of !== this.#counted.of || answers >= countEvery;
    this.#counted = { of, answers: due ? 0 : answers + 1 };
    if (!due) return;
    void this.#connections
      .get(connection)
      ?.queues(portLimitMs)
      .then((queues) => {
        if (!queues.ok) return;
        this.#depth = replicatedDepth(queues.value);
        this.#tellSight();
      });
  }

  #tellSight(): void {
    const { sight } = this;
    if (sight === null) return;
    const told = JSON.stringify(sight);
    if (told === this.#toldSight) return;
    this.#toldSight = told;
    this.#parts.onSight(sight);
  }

  /** A status script may be all that is found, so it counts more that nobody listens. */
  #look(processes: readonly BrokerProcesses[]): void {
    if (this.#nobodyListens) {
      this.#push({ type: "process", alive: false });
      return;
    }
    const { ports, trackingToken: token } = this.#parts;
    const looks = processes.map((scope) => ports.processes.listTracked({ token, ...scope }));
    all(looks, (found) => {
      const alive = found.some((look) => look.found.length + look.unseen.length > 0);
      this.#push({ type: "process", alive });
    });
  }

  #kill(processes: readonly BrokerProcesses[]): void {
    const { ports, trackingToken: token } = this.#parts;
    const kills = processes.map((scope) => ports.processes.killPresent({ token, ...scope }));
    all(kills, (killed) => {
      const words = (which: (one: EndedProcesses) => readonly TrackedProcess[]) =>
        killed.flatMap((one) => which(one).map(({ pid, command }) => `${pid} (${command})`));
      const unseen = killed.flatMap((one) => one.unseen);
      const [ended, left] = [words((one) => one.ended), words((one) => one.left)];
      this.#push({ type: "killed", ended, left, unseen });
    });
  }
}

/** Calls `done` when all have come, at once if there are none. */
function all<Value>(
  results: readonly PromiseLike<Value>[],
  done: (values: readonly Value[]) => void,
): void {
  const values: Value[] = [];
  if (results.length === 0) done(values);
  for (const result of results) {
    void result.then((value) => {
      values.push(value);
      if (values.length === results.length) done(values);
    });
  }
}
