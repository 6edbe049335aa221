/**
 * The services of this node, seen from the cluster: the life they belong to, the operations that
 * the table orders, and the requests of users that wait for an answer.
 * Tested in: test/services/rgmanager.test.ts, test/services/loss-of-quorum.test.ts
 * OWN1  A start of a service or of a part is begun only while the lease is held and guarded. Until
 *     then it waits, and what has to be stopped meanwhile is stopped.
 * OWN2  A life ends as a whole: waiting starts are dropped, waiting users are answered, services
 *     are stopped.
 * OWN3  An operation on a new service waits until that service was stopped once.
 */
import { acknowledge } from "../fencing/acknowledge.ts";
import type { FenceDomain } from "../fencing/fence-domain.ts";
import type { ClusterConf } from "../model/conf.ts";
import { livesPerIncarnation, type ServiceName } from "../model/ids.ts";
import type { LeaseEnd } from "../model/lease-end.ts";
import { assertNever, invariant } from "../model/outcome.ts";
import { done, failed, type RequestOutcome, refused } from "../model/request-outcome.ts";
import { ms } from "../model/time.ts";
import type { LocalInput, LocalOutput } from "../services/local/local-events.ts";
import { LocalServices } from "../services/local/local-services.ts";
import type {
  BrokerLooked,
  BrokerSeen,
  ServiceMessage,
} from "../services/table/service-messages.ts";
import type { Operation } from "../services/table/service-state.ts";
import type { TableOutput } from "../services/table/table-events.ts";
import { FailoverTrails, type TrailInput } from "./failover-trails.ts";
import type { LeaseClock } from "./lease-clock.ts";
import type { NodeIdentity, NodeInput } from "./node-events.ts";
import type { Outbox } from "./outbox.ts";

type RunOutput = Extract<TableOutput, { readonly type: "run" }>;
type AdoptOutput = Extract<TableOutput, { readonly type: "adopt" }>;
type ReplyOutput = Extract<TableOutput, { readonly type: "reply" }>;
type Request = Extract<NodeInput, { readonly type: "request" | "propose" }>;
type AcknowledgeOrder = Extract<NodeInput, { readonly type: "acknowledge" }>;

/** A node that lost its history so often takes another incarnation before its lives are used up. */
const livesUsual = 1000;

/** Waiting starts that are begun in one step; more would hold up everything else. */
const startsAtOnce = 16;

export class NodeServices {
  readonly #identity: NodeIdentity;
  readonly #outbox: Outbox;
  readonly #lease: LeaseClock;
  readonly #local: LocalServices;
  /** How long each failover takes. */
  readonly failovers = new FailoverTrails();
  #known: ReadonlySet<string> = new Set();
  /** Services that another node could run, or that hold more than processes. */
  #floating: ReadonlySet<string> = new Set();
  readonly #requests = new Set<number>();
  #deferred: RunOutput[] = [];
  /** Some of the deferred starts wait only because enough were begun in this step. */
  #startsLeft = false;
  #lives = 0;

  /** `carried`: the services of an earlier life with the same conf. */
  constructor(
    conf: ClusterConf,
    identity: NodeIdentity,
    shared: {
      readonly outbox: Outbox;
      readonly lease: LeaseClock;
      readonly carried: LocalServices | null;
    },
  ) {
    this.#identity = identity;
    this.#outbox = shared.outbox;
    this.#lease = shared.lease;
    this.#learn(conf);
    const { name: nodeName, trackingToken } = identity;
    this.#local = shared.carried ?? new LocalServices(conf, { nodeName, trackingToken });
  }

  #learn({ services }: ClusterConf): void {
    this.#known = new Set(services.services.map(({ name }) => name));
    const floating = services.services.filter(({ boundTo }) => boundTo === null);
    this.#floating = new Set(floating.map(({ name }) => name));
  }

  /** Grows at each start of the daemon, and each time a history has ended here. */
  get life(): number {
    return this.#identity.incarnation * livesPerIncarnation + this.#lives;
  }

  get clean(): boolean {
    return this.#local.clean;
  }

  /** The agents that run here, for the status. */
  get agents() {
    return this.#local.agents;
  }

  get cleanedUp(): readonly ServiceName[] {
    return this.#local.cleanedUp;
  }

  get mayRun(): boolean {
    return this.#local.mayRun;
  }

  /** Whether anything may be here of a service that another node could run, or that holds more. */
  get mayFloat(): boolean {
    return this.#local.mayFloat;
  }

  /** What the guard does when the lease ends: with what runs here, and what is about to start. */
  get atLeaseEnd(): LeaseEnd {
    const waits = this.#deferred.some(({ service }) => this.#floating.has(service));
    return waits || this.mayFloat ? "kill" : "spare";
  }

  /** The services that go on without quorum. */
  get kept(): readonly ServiceName[] {
    return this.#local.kept;
  }

  /** What the next life of this process takes over. */
  get local(): LocalServices {
    return this.#local;
  }

  /** Returns true when this step has proven that nothing of any service is left here. */
  step(input: LocalInput): boolean {
    let proven = false;
    for (const output of this.#local.step(input, this.#outbox.now.monotonicMs)) {
      if (output.type === "clean") proven = true;
      else this.#pass(output);
    }
    if (input.type === "report" && this.#deferred.length > 0) this.runDeferred();
    return proven;
  }

  /** Whether deferred starts, or a clean-up, wait for nothing but a step of their own. */
  get needsStep(): boolean {
    return this.#startsLeft || this.#local.hurried;
  }

  /** Runs an operation of the table, if it is for this life of this node. */
  run(output: RunOutput): void {
    const { node, life } = output.operation;
    if (node !== this.#identity.self || life !== this.life) return;
    if (this.#mustWait(output)) {
      this.#deferred.push(output);
      return;
    }
    this.#time({ type: "begun", op: output.operation.id });
    this.step(output);
  }

  #time(input: Extract<TrailInput, { readonly type: "begun" | "ended" }>): void {
    this.failovers.step(input, this.#outbox.now.monotonicMs);
  }

  /** Gives up a start, or does not begin it; either way the operation gets its result. */
  abort(output: Extract<TableOutput, { readonly type: "abort" }>): void {
    const { id, node, life } = output.operation;
    if (node !== this.#identity.self || life !== this.life) return;
    const waiting = this.#deferred.some(({ operation }) => operation.id === id);
    if (!waiting) {
      this.step(output);
      return;
    }
    this.#deferred = this.#deferred.filter(({ operation }) => operation.id !== id);
    const end = {
      outcome: "declined",
      partial: false,
      text: "not begun: it is to be stopped",
    } as const;
    const body = { type: "op-result" as const, ...this.#sender(), op: id, ...end };
    this.#outbox.submit("app", { layer: "services", body });
  }

  /** The lease, or what runs here, has changed: begins deferred operations that need not wait. */
  runDeferred(): void {
    const deferred = this.#deferred;
    this.#deferred = [];
    this.#startsLeft = false;
    let begun = 0;
    for (const output of deferred) {
      const begins = !this.#mustWait(output);
      if (begins && begun === startsAtOnce) {
        this.#startsLeft = true;
        this.#deferred.push(output);
        continue;
      }
      if (begins) begun += 1;
      this.run(output);
    }
  }

  #mustWait({ service, operation }: RunOutput): boolean {
    const { boottimeMs } = this.#outbox.now;
    const floats = this.#floating.has(service);
    const unguarded = startsSomething(operation) && !this.#lease.mayStart(boottimeMs, floats);
    return unguarded || this.#local.initialises(service);
  }

  /** The services are those of another conf from now on. */
  reconfigure(conf: ClusterConf, clean: readonly ServiceName[]): void {
    this.#learn(conf);
    this.step({ type: "reconfigure", conf, clean });
  }

  /** Arms the timer for the next look at which status checks are due. */
  armPoll({ services }: ClusterConf): void {
    const afterMs = services.statusPollIntervalMs ?? ms(10_000);
    this.#outbox.emit({ type: "arm", timer: "poll", afterMs });
  }

  /** Says whether this node can take the proposed conf. */
  vote(hash: string, problem: string | null): void {
    const verdict = { accepted: problem === null, text: problem ?? "" };
    const body = { type: "conf-vote" as const, ...this.#sender(), hash, ...verdict };
    this.#outbox.submit("app", { layer: "services", body });
  }

  /** Submits the request of a user as an ordered message, or refuses it at once. */
  request(request: Request, historyKnown: boolean): void {
    const { number } = request;
    const ref = { node: this.#identity.self, life: this.life, number };
    const at = this.#outbox.wallMs;
    if ("service" in request && !this.#known.has(request.service)) {
      this.#outbox.emit({ type: "reply", number, outcome: refused("unknown-service") });
      return;
    }
    if (!historyKnown) {
      this.#outbox.emit({ type: "reply", number, outcome: refused("no-quorum") });
      return;
    }
    this.#requests.add(number);
    if (request.type === "propose") {
      const { version, hash, text } = request;
      const body = { type: "conf-propose" as const, ref, version, hash, text, at };
      this.#outbox.submit("app", { layer: "services", body });
    } else if (request.operation === "leave-all") {
      const body = { type: request.operation, ref, at };
      this.#outbox.submit("app", { layer: "services", body });
    } else if (!("service" in request)) {
      const body = { type: "lock" as const, ref, locked: request.operation === "lock", at };
      this.#outbox.submit("app", { layer: "services", body });
    } else {
      const { operation, service, target, byDomain } = request;
      const body = { type: "request" as const, ref, operation, service, target, byDomain, at };
      this.#outbox.submit("app", { layer: "services", body });
    }
  }

  /** Submits an operator's acknowledgement that a victim is off; `domain` null: no quorum. */
  acknowledge(order: AcknowledgeOrder, domain: FenceDomain | null): void {
    const outcome = domain === null ? refused("no-quorum") : this.#acknowledge(order, domain);
    this.#outbox.emit({ type: "reply", number: order.number, outcome });
  }

  #acknowledge({ victim, who }: AcknowledgeOrder, domain: FenceDomain): RequestOutcome {
    const at = Math.floor(this.#outbox.wallMs / 1000);
    const by = this.#identity.self;
    const message = acknowledge(domain.snapshot(), { victim, by, who, at });
    if (!message.ok) return refused(message.problem);
    this.#outbox.notice("fencing", "alert", `${who} says that node ${victim} is off`);
    this.#outbox.submit("app", { layer: "fencing", body: message.value });
    return done();
  }

  /** Tells the others of fence agents that an operator has run here. */
  fencedByHand(input: Extract<NodeInput, { readonly type: "fenced-by-hand" }>): void {
    const { victim, mark, outcome, text } = input;
    const by = this.#identity.self;
    const body = { type: "fence-external", victim, ...mark, by, outcome, text } as const;
    this.#outbox.submit("app", { layer: "fencing", body });
  }

  reply(output: ReplyOutput): void {
    const { ref, outcome } = output;
    if (ref.node !== this.#identity.self || !this.#requests.delete(ref.number)) return;
    this.#outbox.emit({ type: "reply", number: ref.number, outcome });
  }

  /**
   * OWN2; the caller stops what is still running, in the next step of the services. Returns whether
   * another incarnation is needed soon.
   */
  endLife(why: string): boolean {
    this.#lives += 1;
    invariant(this.#lives < livesPerIncarnation, "too many lives of one process");
    this.#deferred = [];
    this.#startsLeft = false;
    this.step({ type: "new-life" });
    this.#outbox.notice("services", "warning", `services are stopped on this node: ${why}`);
    for (const number of this.#requests) {
      this.#outbox.emit({ type: "reply", number, outcome: failed("life-ended") });
    }
    this.#requests.clear();
    return this.#lives >= livesUsual;
  }

  /** Says that this life is leaving, or has left. */
  announce(type: "leaving" | "left"): void {
    this.#outbox.submit("app", { layer: "services", body: { type, ...this.#sender() } });
  }

  /** The table has adopted a service that went on without quorum. */
  adopt(output: AdoptOutput): void {
    const { node, life, service, startOp } = output;
    if (node !== this.#identity.self || life !== this.life) return;
    this.step({ type: "adopt", service, startOp });
  }

  /** Says that nothing is left here but what goes on; `hosts`: services may be started here. */
  announceReady(hosts: boolean): void {
    const { kept } = this.#local;
    const body = { type: "ready" as const, ...this.#sender(), hosts, kept };
    this.#outbox.submit("app", { layer: "services", body });
  }

  /** Says that nothing is left of these services, while the clean-up of others goes on. */
  announceOff(services: readonly ServiceName[]): void {
    const body = { type: "services-off" as const, ...this.#sender(), services };
    this.#outbox.submit("app", { layer: "services", body });
  }

  /** Says what this node sees of its broker. */
  announceBroker(seen: Pick<BrokerSeen, "sight" | "remembers">): void {
    const body = { type: "broker-seen" as const, ...this.#sender(), ...seen };
    this.#outbox.submit("app", { layer: "services", body });
  }

  /** Says what the broker has answered to which a service is to move. */
  announceLook({ move, problem }: Pick<BrokerLooked, "move" | "problem">): void {
    const body = { type: "broker-looked" as const, ...this.#sender(), move, problem };
    this.#outbox.submit("app", { layer: "services", body });
  }

  /** If this is the last message of this life, it leaves the ring. */
  onOwnFarewell(message: ServiceMessage): void {
    if (message.type !== "left" || message.node !== this.#identity.self) return;
    if (message.life === this.life) this.#outbox.emit({ type: "leave" });
  }

  #pass(output: Exclude<LocalOutput, { readonly type: "clean" }>): void {
    switch (output.type) {
      case "act":
      case "cancel":
        this.#outbox.emit(output);
        return;
      case "start-took":
        this.#time({ type: "ended", op: output.op, parts: output.parts });
        return;
      case "result": {
        const { op, outcome, partial, text } = output;
        this.#outbox.submit("app", {
          layer: "services",
          body: { type: "op-result", ...this.#sender(), op, outcome, partial, text },
        });
        return;
      }
      case "status-failed":
      case "part-failed": {
        const { type, service, startOp, text } = output;
        this.#outbox.submit("app", {
          layer: "services",
          body: { type, ...this.#sender(), service, startOp, text },
        });
        return;
      }
      case "initialised": {
        const body = { type: "init-done" as const, ...this.#sender(), version: output.version };
        this.#outbox.submit("app", { layer: "services", body });
        return;
      }
      case "notice":
        this.#outbox.notice("services", output.level, output.text);
        return;
      default:
        assertNever(output);
    }
  }

  #sender() {
    return { node: this.#identity.self, life: this.life, at: this.#outbox.wallMs };
  }
}

/** A repair starts parts, unless it only follows parts that are gone. */
function startsSomething(operation: Operation): boolean {
  if (operation.kind === "repair") return operation.parts !== "gone";
  return operation.kind === "start";
}
