/**
 * One node of the cluster: hands each machine's outputs to the next one, and performs nothing.
 * Tested in: test/services/rgmanager.test.ts, test/scripts/transcripts.test.ts
 * N1  No service is started without a lease that the guard knows.
 * N2  A node whose history ended takes a new life and proves itself clean before it is ready.
 *
 *   apart ──regular configuration──► exchanging ──all spoke, quorate──► active
 *     ▲                                 │  └─somebody lacks the state─► transferring ──► active
 *     └──────────── inquorate ──────────┘
 */
import type { ClusterConf } from "../model/conf.ts";
import { type NodeId, type ServiceName, sameRing } from "../model/ids.ts";
import { assertNever, invariant } from "../model/outcome.ts";
import { Quorum } from "../quorum/quorum.ts";
import type { LocalInput } from "../services/local/local-events.ts";
import { concludeExchange, type ExchangeResult, type Hello } from "../services/table/table-sync.ts";
import type { CarriedOver } from "./carried-over.ts";
import { type Configuration, Configurations } from "./configurations.ts";
import { type Configured, StateExchange } from "./exchange.ts";
import { FencingProgress } from "./fencing-progress.ts";
import { LeaseClock } from "./lease-clock.ts";
import { LeaseTimer } from "./lease-timer.ts";
import { MembershipAnnouncements } from "./membership-announcements.ts";
import { MessageReader } from "./message-check.ts";
import type { NodeIdentity, NodeInput, NodeOutput, NodeSurroundings, Now } from "./node-events.ts";
import { NodeServices } from "./node-services.ts";
import { fireTimer, type TimedParts } from "./node-timers.ts";
import { type OrderedParts, passOrder } from "./operator-orders.ts";
import { Outbox } from "./outbox.ts";
import { QuorumVoting } from "./quorum-voting.ts";
import { type Ordered, Replica } from "./replica.ts";
import { ReplicaWork, usualWorkMax } from "./replica-work.ts";
import { RetryTick } from "./retry-tick.ts";
import { SafeWaitStart } from "./safe-wait-start.ts";
import { Standing } from "./standing.ts";
import { ArrivedSnapshot, composeHello, composeSnapshot, type Snapshot } from "./transfer.ts";
import { Unfencing } from "./unfencing.ts";

export class ClusterNode {
  readonly identity: NodeIdentity;
  readonly quorum: Quorum;
  readonly lease: LeaseClock;
  readonly fencingProgress = new FencingProgress();
  readonly unfencing: Unfencing;
  readonly #outbox = new Outbox();
  readonly #own: NodeServices;
  readonly #voting: QuorumVoting;
  readonly #configurations: Configurations;
  readonly #replica: Replica;
  readonly #leaseTimer: LeaseTimer;
  readonly #tick: RetryTick;
  readonly #signs: SafeWaitStart;
  readonly #presence: MembershipAnnouncements;
  readonly #standing: Standing;
  readonly #work: ReplicaWork;
  readonly #reader: MessageReader;
  readonly #timed: TimedParts & OrderedParts;
  #phase: "apart" | "exchanging" | "transferring" | "active" = "apart";
  #suspended = true;
  #exchange: StateExchange | null = null;
  #accepted: readonly NodeId[] = [];
  /** Waits until its configurations can be read. */
  #snapshot: ArrivedSnapshot | null = null;

  constructor(conf: ClusterConf, identity: NodeIdentity, surroundings: NodeSurroundings) {
    const { read, workMax, carried = null, nothingLeft = false } = surroundings;
    const { configHash: hash, configText: text } = identity;
    this.#configurations = new Configurations({ conf, hash, text }, read);
    this.identity = identity;
    this.#reader = new MessageReader(conf, this.#outbox);
    this.quorum = new Quorum(conf.quorum, conf.nodes, carried?.memory ?? null);
    this.lease = new LeaseClock(conf.fencing.leaseMs);
    const services = carried?.configHash === hash ? carried.services : null;
    const held = { outbox: this.#outbox, lease: this.lease, carried: services };
    this.#own = new NodeServices(conf, identity, held);
    this.#voting = new QuorumVoting(conf, identity, { outbox: this.#outbox, quorum: this.quorum });
    this.unfencing = new Unfencing(conf, identity.self, this.#outbox);
    const stepOwn = (input: LocalInput) => this.#stepOwn(input);
    const shared = { outbox: this.#outbox, own: this.#own, voting: this.#voting, stepOwn };
    const announced = { ...shared, unfencing: this.unfencing };
    const presence = new MembershipAnnouncements(identity.self, announced);
    const replica = new Replica(this.#configurations, identity.self);
    this.#presence = presence;
    this.#replica = replica;
    const found = { carriesOn: services !== null, nothingLeft };
    this.#standing = new Standing({ ...shared, presence, replica }, found);
    this.#leaseTimer = new LeaseTimer(this.lease, this.#outbox);
    this.#tick = new RetryTick(identity.self, this.#outbox);
    this.#signs = new SafeWaitStart(conf.fencing, identity, surroundings.remembered);
    const due = { lease: this.#leaseTimer, tick: this.#tick, poll: () => this.#poll() };
    this.#timed = { ...announced, ...due, replica };
    const parts = {
      ...{ self: identity.self, fencingProgress: this.fencingProgress, presence },
      ...shared,
      configurations: this.#configurations,
      settle: (to: Configuration, clean: readonly ServiceName[]) => this.#settle(to, clean),
    };
    this.#work = new ReplicaWork(this.#replica, parts, workMax ?? usualWorkMax);
  }

  /** In force on this node. */
  get conf(): ClusterConf {
    return this.#configurations.settled.conf;
  }

  /** Readers' view; nothing outside decides by it. */
  get snapshot() {
    const active = this.#phase === "active";
    return {
      self: this.identity.self,
      phase: this.#phase,
      ring: this.#exchange?.ring ?? null,
      members: active ? this.#accepted : (this.#exchange?.members ?? []),
      table: active ? this.#replica.table : null,
      /** Nothing of what is ordered is half done. */
      complete: !this.#replica.busy,
      fence: this.#replica.fence,
      history: this.#replica.history,
      life: this.#own.life,
      clean: this.#own.clean,
      refusal: this.#voting.refusal,
      agents: this.#own.agents,
      refused: this.#reader.refused,
    };
  }

  /** What goes on in the next life of this process. */
  carryOver(): CarriedOver {
    if (this.#exchange?.open === true) this.quorum.doubt(this.#exchange.place);
    return this.#standing.carryOver(this.#configurations.settled.hash, this.quorum.memory);
  }

  step(input: NodeInput, now: Now): readonly NodeOutput[] {
    this.#outbox.begin(now);
    if (this.lease.takeEnd(now.boottimeMs)) this.#onLeaseEnd();
    this.#work.prepareFor(input);
    this.#take(input);
    const complete = this.#work.goOn();
    const table = this.#phase === "active" ? this.#replica.table : null;
    this.unfencing.adjust({ active: table !== null, remembers: this.#replica.history !== null });
    this.#leaseTimer.adjust(this.#own.atLeaseEnd);
    if (complete) {
      this.#presence.announce(table, this.#replica.fence, this.#exchange?.ring.seq ?? 0);
      this.#tick.adjust(table);
    }
    return this.#outbox.take();
  }

  #take(input: NodeInput): void {
    switch (input.type) {
      case "begin":
        this.#standing.begin();
        this.#own.armPoll(this.conf);
        break;
      case "configuration":
        this.#onConfiguration(input);
        break;
      case "deliver":
        this.#onDeliver(input.from, input.payload);
        break;
      case "continue":
        this.#stepOwn(input);
        this.#own.runDeferred();
        break;
      case "suspended":
        this.#suspended = true;
        break;
      case "lease":
        this.lease.renew(input, this.#phase === "active" ? (this.#exchange?.ring ?? null) : null);
        this.#leaseTimer.renewed();
        this.#own.runDeferred();
        break;
      case "timer":
        fireTimer(input.timer, this.#timed, this.#outbox.wallSeconds);
        break;
      case "report":
        this.#stepOwn({ type: "report", action: input.action, report: input.report });
        break;
      case "fence-verdict":
        this.#replica.onVerdict(input, this.#outbox.wallSeconds);
        break;
      case "request":
      case "propose":
      case "acknowledge":
      case "kill":
      case "quorum-order":
      case "fenced-by-hand":
        passOrder(input, this.#timed, this.snapshot.table === null ? null : this.#accepted);
        break;
      case "unfence-verdict":
        this.unfencing.onVerdict(input);
        break;
      case "guarded":
        this.lease.guard(input.untilMs, input.atEnd);
        this.#own.runDeferred();
        break;
      case "check-now":
        this.#stepOwn({ ...input, frozen: this.#replica.frozen });
        break;
      case "contested":
        this.#presence.contested.hear(input.nodes);
        break;
      case "read-done":
        this.#onRead(input);
        break;
      case "shutdown":
        this.#onShutdown(input.remove);
        break;
      default:
        assertNever(input);
    }
  }

  #onConfiguration(input: Configured): void {
    if (input.configuration.kind === "transitional") {
      this.#replica.hold();
      return;
    }
    this.#suspended = false;
    this.#voting.configurationChanged();
    this.#beginExchange(new StateExchange(input, this.#signs));
  }

  #beginExchange(exchange: StateExchange): void {
    this.#exchange = exchange;
    this.#snapshot = null;
    this.#phase = "exchanging";
    const { self } = this.identity;
    const speaker = { self, life: this.#own.life, replica: this.#replica, quorum: this.quorum };
    const body = composeHello(exchange, speaker, this.#outbox.now.boottimeMs);
    this.#outbox.submit("sync", { layer: "sync", body });
  }

  #onDeliver(from: NodeId, payload: unknown): void {
    const value = this.#reader.read(payload, from);
    if (value === null) return;
    if (value.layer === "sync" || value.layer === "quorum") this.#work.finish();
    if (value.layer === "sync") {
      const exchange = this.#exchange;
      if (exchange === null || !sameRing(value.body.ring, exchange.ring)) return;
      if (value.body.type === "hello") this.#onHello(from, value.body);
      else this.#onSnapshot(from, value.body);
      return;
    }
    const active = this.#phase === "active" && this.#replica.history !== null;
    if (value.layer === "quorum") {
      const applied = this.#voting.apply(value.body, active || this.#snapshot !== null);
      const again = applied === "exchange-again" && this.#phase === "apart";
      if (again && this.#exchange !== null) this.#beginExchange(this.#exchange.again());
      return;
    }
    if (active) this.#apply(value);
    else this.#snapshot?.keep(value);
  }

  #apply(message: Ordered): void {
    // Nothing is performed after the end of this node, to which its last message may come.
    if (message.layer === "services" && message.body.type === "left") this.#work.finish();
    this.#replica.apply(message);
    if (message.layer === "services") this.#own.onOwnFarewell(message.body);
    this.#signs.machines.apply(message, this.#accepted);
  }

  #onHello(from: NodeId, hello: Hello): void {
    const hellos = this.#phase === "exchanging" ? this.#exchange?.collect(from, hello) : null;
    if (hellos === null || hellos === undefined) return;
    const result = concludeExchange(hellos);
    const verdict = this.#voting.judge(hellos, result);
    if (!verdict.quorate || !result.accepted.includes(this.identity.self)) {
      this.#becomeInquorate();
      return;
    }
    const goesOn = result.continuing.includes(this.identity.self);
    if (!goesOn) this.#standing.beginAnew(this.#voting.missedNothing);
    this.#proceed(result);
  }

  #proceed(result: ExchangeResult): void {
    this.#exchange?.conclude(result);
    if (!result.snapshotNeeded) {
      this.#activate(result);
      return;
    }
    this.#phase = "transferring";
    if (result.authority !== this.identity.self) return;
    const body = composeSnapshot(this.#exchange?.ring, this.#replica);
    this.#outbox.submit("sync", { layer: "sync", body });
  }

  #onSnapshot(from: NodeId, body: Snapshot): void {
    const result = this.#exchange?.result ?? null;
    if (this.#phase !== "transferring" || result === null || from !== result.authority) return;
    if (result.continuing.includes(this.identity.self)) {
      this.#activate(result);
      return;
    }
    this.#snapshot = new ArrivedSnapshot(body, this.#configurations.settled.hash);
    for (const text of this.#snapshot.unread) this.#outbox.emit({ type: "read", text });
    this.#takeSnapshot();
  }

  /** What it takes to read the text is known: for a vote, or for a snapshot that waits. */
  #onRead({ text, objection }: Extract<NodeInput, { readonly type: "read-done" }>): void {
    const proposal = this.#configurations.takeProposal(text);
    if (proposal !== null) {
      this.#own.vote(proposal.hash, this.#configurations.examine(proposal) ?? objection);
    }
    this.#snapshot?.noteRead(text);
    this.#takeSnapshot();
  }

  #takeSnapshot(): void {
    const snapshot = this.#snapshot;
    if (snapshot === null || snapshot.unread.length > 0) return;
    this.#snapshot = null;
    const { body, later } = snapshot;
    const { settled } = this.#configurations;
    const taken = this.#configurations.takeOver(body.configuration);
    if (!taken.ok) {
      this.#outbox.emit({ type: "killed", text: taken.problem });
      return;
    }
    if (taken.value !== settled) {
      this.#settle(taken.value, []);
      this.#stepOwn({ type: "clean-up" });
    }
    const result = this.#exchange?.result ?? null;
    invariant(result !== null, "a snapshot without an exchange");
    if (result.winner !== null && !this.#replica.adopt(body)) {
      // Until the next configuration this node takes no part.
      this.#reader.refuse(result.authority, "its snapshot cannot be a state of this cluster");
      return;
    }
    this.#activate(result);
    for (const message of later) this.#apply(message);
  }

  #settle(configuration: Configuration, clean: readonly ServiceName[]): void {
    const { conf, hash, text } = configuration;
    this.#configurations.settle({ conf, hash, text });
    this.#outbox.emit({ type: "configuration", conf, hash, text });
    this.#own.reconfigure(conf, clean);
  }

  #activate(result: ExchangeResult): void {
    const exchange = this.#exchange;
    invariant(exchange !== null, "activation without a ring");
    const { ring } = exchange;
    if (result.winner === null) this.#replica.begin(ring.seq, this.#voting.followed);
    else this.#replica.continue(result.winner, ring.seq);
    const { accepted, continuing, winner } = result;
    const grown = winner === null || accepted.some((node) => !this.#accepted.includes(node));
    this.#phase = "active";
    this.#accepted = accepted;
    this.lease.confirm(ring);
    this.#replica.release();
    this.#work.perform();
    this.#signs.takePart(this.#outbox, winner === null);
    const waits = exchange.waits(accepted, winner === null);
    const view = { ringSeq: ring.seq, members: accepted, grown, ...waits };
    const members = exchange.lives(accepted, continuing);
    this.#replica.view(view, { members, continuing });
    if (exchange.first) this.#outbox.emit({ type: "sync-done", ring });
    this.#leaseTimer.renewed();
    this.#own.runDeferred();
  }

  #becomeInquorate(): void {
    this.#standing.endHistory("the configuration is inquorate");
    this.#phase = "apart";
    this.#snapshot = null;
    this.#accepted = [];
    this.#replica.stepFence({ type: "inquorate" });
    this.#work.perform();
    const waiting = this.#exchange?.first === true ? this.#exchange.ring : null;
    if (waiting !== null) this.#outbox.emit({ type: "sync-done", ring: waiting });
  }

  #onLeaseEnd(): void {
    const ringGoesOn = this.#phase !== "apart" && !this.#suspended;
    this.#phase = "apart";
    this.#snapshot = null;
    this.#standing.leaseEnded(ringGoesOn);
  }

  #poll(): void {
    this.#own.armPoll(this.conf);
    this.#stepOwn({ type: "poll", frozen: this.#replica.frozen });
  }

  #onShutdown(remove: boolean): void {
    if (!this.#presence.beginEnd(remove) || this.#replica.history !== null) return;
    if (this.#own.mayRun) this.#stepOwn({ type: "clean-up" });
    else this.#outbox.emit({ type: "leave" });
  }

  #stepOwn(input: LocalInput): void {
    if (this.#own.step(input)) this.#presence.onClean(this.#replica.history !== null);
  }
}
