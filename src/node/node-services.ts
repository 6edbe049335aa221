/**
 * This node's own part: its life, its services, and the requests of its users that are waiting.
 * Tested in: test/services/rgmanager.test.ts, test/services/loss-of-quorum.test.ts
 * OWN1  A start, of a service or of a part, is begun only while the lease is held and guarded;
 *     until then it waits, and what has to be stopped meanwhile is stopped.
 * OWN3  An operation on a new service waits until that was stopped once.
 * OWN2  A life ends as a whole: waiting starts are dropped, waiting users answered, services
 *     stopped.
 */
import { acknowledge } from "../fencing/acknowledge.ts";
import type { FenceDomain } from "../fencing/fence-domain.ts";
import type { ClusterConf } from "../model/conf.ts";
import type { ServiceName } from "../model/ids.ts";
import type { LeaseEnd } from "../model/lease-end.ts";
import { assertNever, invariant } from "../model/outcome.ts";
import { done, failed, type RequestOutcome, refused } from "../model/request-outcome.ts";
import { ms } from "../model/time.ts";
import type { LocalInput, LocalOutput } from "../services/local/local-events.ts";
import { LocalServices } from "../services/local/local-services.ts";
import type { ServiceMessage } from "../services/table/service-messages.ts";
import type { Operation } from "../services/table/service-state.ts";
import type { TableOutput } from "../services/table/table-events.ts";
import type { LeaseClock } from "./lease-clock.ts";
import type { NodeIdentity, NodeInput } from "./node-events.ts";
import type { Outbox } from "./outbox.ts";

type RunOutput = Extract<TableOutput, { readonly type: "run" }>;
type AdoptOutput = Extract<TableOutput, { readonly type: "adopt" }>;
type ReplyOutput = Extract<TableOutput, { readonly type: "reply" }>;
type Request = Extract<NodeInput, { readonly type: "request" | "propose" }>;
type Word = Extract<NodeInput, { readonly type: "acknowledge" }>;

/** Lives of one incarnation. */
const livesMax = 1024;
/** A node that flaps so often takes another incarnation, before its lives are used up. */
const livesUsual = 1000;

/** Starts that were waiting and are begun in one step; more would hold up everything else. */
const startsAtOnce = 16;

export class NodeServices {
  readonly #identity: NodeIdentity;
  readonly #outbox: Outbox;
  readonly #lease: LeaseClock;
  readonly #local: LocalServices;
  #known: ReadonlySet<string> = new Set();
  /** Services that another node could run, or that hold more than processes. */
  #floating: ReadonlySet<string> = new Set();
  readonly #requests = new Set<number>();
  #deferred: RunOutput[] = [];
  #startsLeft = false;
  #lives = 0;

  /** `carried`: those of an earlier life with the same configuration. */
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

  /** Strictly larger at each start of the daemon, and each time a history ended here. */
  get life(): number {
    return this.#identity.incarnation * livesMax + this.#lives;
  }

  get clean(): boolean {
    return this.#local.clean;
  }

  /** For the status. */
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

  /** What the guard is to do when the lease ends: with what is here, and what is about to be. */
  get atLeaseEnd(): LeaseEnd {
    const waits = this.#deferred.some(({ service }) => this.#floating.has(service));
    return waits || this.mayFloat ? "kill" : "spare";
  }

  /** What goes on without quorum. */
  get kept(): readonly ServiceName[] {
    return this.#local.kept;
  }

  /** For the next life of this process. */
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

  /** Whether something waits for nothing but a step of its own: starts, or a clean-up. */
  get needsStep(): boolean {
    return this.#startsLeft || this.#local.hurried;
  }

  /** An operation of the table; only those for this very life are begun. */
  run(output: RunOutput): void {
    const { node, life } = output.operation;
    if (node !== this.#identity.self || life !== this.life) return;
    if (this.#mustWait(output)) {
      this.#deferred.push(output);
      return;
    }
    this.step(output);
  }

  /** A start that is to be stopped: given up, or not begun. Either way it is answered. */
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
    const body = { type: "op-result" as const, ...this.#signature(), op: id, ...end };
    this.#outbox.submit("app", { layer: "services", body });
  }

  /** The lease is held, or guarded, or something has ended: some of what waited for it begins. */
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

  /** From here on these are the services of the configuration. */
  reconfigure(conf: ClusterConf, clean: readonly ServiceName[]): void {
    this.#learn(conf);
    this.step({ type: "reconfigure", conf, clean });
  }

  /** The time until it is looked whether status checks are due. */
  armPoll({ services }: ClusterConf): void {
    const afterMs = services.statusPollIntervalMs ?? ms(10_000);
    this.#outbox.emit({ type: "arm", timer: "poll", afterMs });
  }

  /** Says what this node thinks of a configuration. */
  vote(hash: string, problem: string | null): void {
    const verdict = { accepted: problem === null, text: problem ?? "" };
    const body = { type: "conf-vote" as const, ...this.#signature(), hash, ...verdict };
    this.#outbox.submit("app", { layer: "services", body });
  }

  /** Orders a user's request, or answers at once what cannot be ordered. */
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
    } else if (!("service" in request)) {
      const body = { type: "lock" as const, ref, locked: request.operation === "lock", at };
      this.#outbox.submit("app", { layer: "services", body });
    } else {
      const { operation, service, target, byDomain } = request;
      const body = { type: "request" as const, ref, operation, service, target, byDomain, at };
      this.#outbox.submit("app", { layer: "services", body });
    }
  }

  /** Orders an operator's word that a victim is off; null: there is no quorate history. */
  acknowledge(word: Word, domain: FenceDomain | null): void {
    const outcome = domain === null ? refused("no-quorum") : this.#acknowledge(word, domain);
    this.#outbox.emit({ type: "reply", number: word.number, outcome });
  }

  #acknowledge({ victim, who }: Word, domain: FenceDomain): RequestOutcome {
    const at = Math.floor(this.#outbox.wallMs / 1000);
    const by = this.#identity.self;
    const message = acknowledge(domain.snapshot(), { victim, by, who, at });
    if (!message.ok) return refused(message.problem);
    this.#outbox.notice("fencing", "alert", `${who} says that node ${victim} is off`);
    this.#outbox.submit("app", { layer: "fencing", body: message.value });
    return done();
  }

  /** Tells the others of agents that an operator has run here. */
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
   * OWN2; what is still running is stopped by the caller's next step. Returns whether another
   * incarnation is needed soon.
   */
  endLife(why: string): boolean {
    this.#lives += 1;
    invariant(this.#lives < livesMax, "too many lives of one process");
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

  /** Says something of this life in the total order. */
  announce(type: "leaving" | "left"): void {
    this.#outbox.submit("app", { layer: "services", body: { type, ...this.#signature() } });
  }

  /** The table has taken over what went on without quorum. */
  adopt(output: AdoptOutput): void {
    const { node, life, service, startOp } = output;
    if (node !== this.#identity.self || life !== this.life) return;
    this.step({ type: "adopt", service, startOp });
  }

  /** Nothing is left here but what goes on; `hosts`: and services may come. */
  announceReady(hosts: boolean): void {
    const { kept } = this.#local;
    const body = { type: "ready" as const, ...this.#signature(), hosts, kept };
    this.#outbox.submit("app", { layer: "services", body });
  }

  /** The clean-up goes on; nothing is left of these. */
  announceOff(services: readonly ServiceName[]): void {
    const body = { type: "services-off" as const, ...this.#signature(), services };
    this.#outbox.submit("app", { layer: "services", body });
  }

  /** The last message of this life was delivered: it may go. */
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
      case "result": {
        const { op, outcome, partial, text } = output;
        this.#outbox.submit("app", {
          layer: "services",
          body: { type: "op-result", ...this.#signature(), op, outcome, partial, text },
        });
        return;
      }
      case "status-failed":
      case "part-failed": {
        const { type, service, startOp, text } = output;
        this.#outbox.submit("app", {
          layer: "services",
          body: { type, ...this.#signature(), service, startOp, text },
        });
        return;
      }
      case "initialised": {
        const body = { type: "init-done" as const, ...this.#signature(), version: output.version };
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

  #signature() {
    return { node: this.#identity.self, life: this.life, at: this.#outbox.wallMs };
  }
}

/** Most repairs start parts. */
function startsSomething(operation: Operation): boolean {
  if (operation.kind === "repair") return operation.parts !== "gone";
  return operation.kind === "start";
}
