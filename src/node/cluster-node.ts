/**
 * One node of the cluster: the machines of the core put together. It passes each input to the
 * machine that it concerns, and the outputs of one machine to the next one. Whether it takes part
 * in a history is the state of the state exchange: see the diagram in state-exchange.ts.
 * Tested in: test/services/rgmanager.test.ts, test/scripts/transcripts.test.ts
 * N1  No service is started without a lease that the guard knows.
 * N2  A node whose history ended takes a new life and proves itself clean before it is ready.
 */
import type { ClusterConf } from "../model/conf.ts";
import { type NodeId, type RingId, sameRing } from "../model/ids.ts";
import { assertNever } from "../model/outcome.ts";
import { Quorum } from "../quorum/quorum.ts";
import type { ServiceTable } from "../services/table/service-table.ts";
import { concludeExchange, type Hello } from "../services/table/table-sync.ts";
import { ConfVersions } from "./conf-versions.ts";
import { FencingProgress } from "./fencing-progress.ts";
import { LastHeard } from "./last-heard.ts";
import { LeaseClock, LeaseTimer } from "./lease-clock.ts";
import { LossOfQuorum } from "./loss-of-quorum.ts";
import { MembershipAnnouncements } from "./membership-announcements.ts";
import { MessageReader } from "./message-check.ts";
import type {
  CarriedOver,
  NodeIdentity,
  NodeInput,
  NodeOutput,
  NodeStart,
  NodeTimer,
  Now,
  OperatorOrder,
} from "./node-events.ts";
import { NodeServices } from "./node-services.ts";
import { Outbox } from "./outbox.ts";
import { QuorumVoting } from "./quorum-voting.ts";
import { type HistoryMessage, Replica } from "./replica.ts";
import { ReplicaPerformer, RetryTick, usualWorkMax } from "./replica-performer.ts";
import { composeHello, composeSnapshot, type Snapshot, StateExchange } from "./state-exchange.ts";
import { Unfencing } from "./unfencing.ts";

export class ClusterNode {
  readonly identity: NodeIdentity;
  readonly quorum: Quorum;
  readonly lease: LeaseClock;
  readonly fencingProgress = new FencingProgress();
  readonly unfencing: Unfencing;
  readonly #outbox = new Outbox();
  readonly #services: NodeServices;
  readonly #voting: QuorumVoting;
  readonly #confVersions: ConfVersions;
  readonly #replica: Replica;
  readonly #leaseTimer: LeaseTimer;
  readonly #tick: RetryTick;
  readonly #lastHeard: LastHeard;
  readonly #exchange: StateExchange;
  readonly #announcements: MembershipAnnouncements;
  readonly #lossOfQuorum: LossOfQuorum;
  readonly #performer: ReplicaPerformer;
  readonly #reader: MessageReader;

  constructor(conf: ClusterConf, identity: NodeIdentity, start: NodeStart) {
    const { read, workMax = usualWorkMax, carried = null, nothingLeft = false } = start;
    const { self, configHash: hash, configText: text } = identity;
    const outbox = this.#outbox;
    this.identity = identity;
    this.#confVersions = new ConfVersions({ conf, hash, text }, read);
    this.#reader = new MessageReader(conf, outbox);
    this.quorum = new Quorum(conf.quorum, conf.nodes, carried?.memory ?? null);
    this.lease = new LeaseClock(conf.fencing.leaseMs);
    this.#leaseTimer = new LeaseTimer(this.lease, outbox);
    this.#tick = new RetryTick(self, outbox);
    this.#lastHeard = new LastHeard(conf.fencing, identity, start.remembered);
    this.#exchange = new StateExchange(self, this.#lastHeard);
    this.unfencing = new Unfencing(conf, self, outbox);
    const kept = carried?.configHash === hash ? carried.services : null;
    const services = new NodeServices(conf, identity, { outbox, lease: this.lease, carried: kept });
    const voting = new QuorumVoting(conf, identity, { outbox, quorum: this.quorum });
    const replica = new Replica(this.#confVersions, self);
    this.#services = services;
    this.#voting = voting;
    this.#replica = replica;
    const { unfencing, fencingProgress } = this;
    const announcing = { outbox, services, voting, unfencing, replica };
    const announcements = new MembershipAnnouncements(self, announcing);
    this.#announcements = announcements;
    const ending = { outbox, services, announcements, replica };
    this.#lossOfQuorum = new LossOfQuorum(ending, { carriesOn: kept !== null, nothingLeft });
    const performing = { ...ending, unfencing, fencingProgress, confVersions: this.#confVersions };
    this.#performer = new ReplicaPerformer(self, performing, workMax);
  }

  /** The conf in force on this node. */
  get conf(): ClusterConf {
    return this.#confVersions.inForce.conf;
  }

  /** What may be read of this node; nothing outside decides by it. */
  get snapshot() {
    return {
      self: this.identity.self,
      phase: this.#exchange.phase,
      ring: this.#exchange.ring,
      members: this.#exchange.members,
      table: this.#table,
      /** All that was ordered is applied completely. */
      complete: !this.#replica.busy,
      fence: this.#replica.fence,
      history: this.#replica.history,
      life: this.#services.life,
      clean: this.#services.clean,
      refusal: this.#voting.refusal,
      agents: () => this.#services.agents,
      refused: this.#reader.refused,
    };
  }

  /** What goes on in the next life of this process. */
  carryOver(): CarriedOver {
    const { doubtful } = this.#exchange;
    if (doubtful !== null) this.quorum.doubt(doubtful);
    return this.#lossOfQuorum.carryOver(this.#confVersions.inForce.hash, this.quorum.memory);
  }

  step(input: NodeInput, now: Now): readonly NodeOutput[] {
    this.#outbox.begin(now);
    if (this.lease.takeEnd(now.boottimeMs)) this.#onLeaseEnd();
    this.#performer.prepareFor(input);
    this.#take(input);
    const complete = this.#performer.goOn();
    const table = this.#table;
    this.unfencing.adjust({ active: table !== null, remembers: this.#replica.history !== null });
    this.#leaseTimer.adjust(this.#services.atLeaseEnd);
    if (complete) {
      this.#announcements.announce(table, this.#exchange.ring?.seq ?? 0);
      this.#tick.adjust(table);
    }
    return this.#outbox.take();
  }

  /** Null while this node takes part in no history. */
  get #table(): ServiceTable | null {
    return this.#exchange.active ? this.#replica.table : null;
  }

  #take(input: NodeInput): void {
    switch (input.type) {
      case "begin":
        this.#lossOfQuorum.begin();
        this.#services.armPoll(this.conf);
        break;
      case "configuration":
        this.#onConfiguration(input);
        break;
      case "deliver":
        this.#onDeliver(input.from, input.payload);
        break;
      case "continue":
        this.#announcements.stepServices(input);
        this.#services.runDeferred();
        break;
      case "suspended":
        this.#exchange.suspend();
        break;
      case "lease":
        this.lease.renew(input, this.#exchange.active ? this.#exchange.ring : null);
        this.#leaseTimer.renewed();
        this.#services.runDeferred();
        break;
      case "guarded":
        this.lease.guard(input.untilMs, input.atEnd);
        this.#services.runDeferred();
        break;
      case "timer":
        this.#onTimer(input.timer);
        break;
      case "report":
        this.#announcements.stepServices(input);
        break;
      case "check-now":
        this.#announcements.stepServices({ ...input, frozen: this.#replica.frozen });
        break;
      case "fence-verdict":
        this.#replica.onVerdict(input, this.#outbox.wallSeconds);
        break;
      case "unfence-verdict":
        this.unfencing.onVerdict(input);
        break;
      case "broker":
      case "broker-looked":
      case "certified":
      case "contested":
        this.#announcements.hear(input);
        break;
      case "read-done":
        this.#onRead(input);
        break;
      case "shutdown":
        this.#onShutdown(input.remove);
        break;
      default:
        this.#onOrder(input);
    }
  }

  #onTimer(timer: NodeTimer): void {
    switch (timer) {
      case "lease":
        this.#leaseTimer.fire();
        return;
      case "poll":
        this.#services.armPoll(this.conf);
        this.#announcements.stepServices({ type: "poll", frozen: this.#replica.frozen });
        return;
      case "tick":
        this.#tick.fire();
        return;
      case "quorum-window":
        this.#voting.onWindow();
        return;
      case "unfence":
        this.unfencing.onTimer();
        return;
      default:
        this.#replica.onFenceTimer(timer, this.#outbox.wallSeconds);
    }
  }

  /** What users and operators of this node ask for. */
  #onOrder(order: OperatorOrder): void {
    const takesPart = this.#table !== null;
    switch (order.type) {
      case "request":
      case "propose":
        this.#services.request(order, this.#replica.history !== null);
        return;
      case "acknowledge":
        this.#services.acknowledge(order, takesPart ? this.#replica.fence : null);
        return;
      case "kill":
        this.#voting.kill(order, takesPart ? this.#exchange.members : []);
        return;
      case "quorum-order":
        this.#voting.order(order, this.#replica.fence.view);
        return;
      case "fenced-by-hand":
        if (this.#replica.history !== null) this.#services.fencedByHand(order);
        return;
      default:
        assertNever(order);
    }
  }

  #onConfiguration(input: Extract<NodeInput, { readonly type: "configuration" }>): void {
    if (input.configuration.kind === "transitional") {
      this.#replica.hold();
      return;
    }
    this.#voting.configurationChanged();
    this.#exchange.begin(input);
    this.#sayHello(input.configuration.ring);
  }

  #sayHello(ring: RingId): void {
    const [{ self }, { life }] = [this.identity, this.#services];
    const speaker = { self, life, replica: this.#replica, quorum: this.quorum };
    const body = composeHello(ring, speaker, this.#lastHeard.report(this.#outbox.now.boottimeMs));
    this.#outbox.submit("sync", { layer: "sync", body });
  }

  #onDeliver(from: NodeId, payload: unknown): void {
    const value = this.#reader.read(payload, from);
    if (value === null) return;
    const { ring } = this.#exchange;
    const active = this.#exchange.active && this.#replica.history !== null;
    switch (value.layer) {
      case "sync":
        this.#performer.finish();
        if (ring === null || !sameRing(value.body.ring, ring)) return;
        if (value.body.type === "hello") this.#onHello(from, value.body);
        else this.#onSnapshot(from, value.body);
        return;
      case "quorum": {
        this.#performer.finish();
        const applied = this.#voting.apply(value.body, active || this.#exchange.reading);
        if (ring === null || applied !== "exchange-again") return;
        if (this.#exchange.repeat()) this.#sayHello(ring);
        return;
      }
      default:
        if (active) this.#apply(value);
        else this.#exchange.keep(value);
    }
  }

  #apply(message: HistoryMessage): void {
    // Nothing is performed after the end of this node, to which its last message may come.
    if (message.layer === "services" && message.body.type === "left") this.#performer.finish();
    this.#replica.apply(message);
    if (message.layer === "services") this.#services.onOwnFarewell(message.body);
    this.#lastHeard.apply(message, this.#exchange.members);
  }

  #onHello(from: NodeId, hello: Hello): void {
    const hellos = this.#exchange.collect(from, hello);
    if (hellos === null) return;
    const { self } = this.identity;
    const result = concludeExchange(hellos);
    const verdict = this.#voting.judge(hellos, result);
    if (!verdict.quorate || !result.accepted.includes(self)) {
      this.#becomeInquorate();
      return;
    }
    if (!result.continuing.includes(self)) this.#lossOfQuorum.beginAnew(this.#voting.missedNothing);
    this.#exchange.conclude(result);
    if (!result.snapshotNeeded) {
      this.#activate();
    } else if (result.authority === self) {
      const body = composeSnapshot(hello.ring, this.#replica);
      this.#outbox.submit("sync", { layer: "sync", body });
    }
  }

  #onSnapshot(from: NodeId, body: Snapshot): void {
    const received = this.#exchange.receive(from, body, this.#confVersions.inForce.hash);
    if (received === "has-state") this.#activate();
    if (received !== "read") return;
    for (const text of this.#exchange.unread) this.#outbox.emit({ type: "read", text });
    this.#adoptSnapshot();
  }

  /** What it takes to read the text is known: for a vote, or for a snapshot that waits. */
  #onRead({ text, objection }: Extract<NodeInput, { readonly type: "read-done" }>): void {
    const proposal = this.#confVersions.takeProposal(text);
    if (proposal !== null) {
      this.#services.vote(proposal.hash, this.#confVersions.examine(proposal) ?? objection);
    }
    this.#exchange.noteRead(text);
    this.#adoptSnapshot();
  }

  /** Where the snapshot is refused this node takes no part until the next configuration. */
  #adoptSnapshot(): void {
    const arrived = this.#exchange.takeSnapshot();
    if (arrived === null) return;
    const { snapshot, later, result } = arrived;
    const { inForce } = this.#confVersions;
    const taken = this.#confVersions.takeOver(snapshot.configuration);
    if (!taken.ok) {
      this.#outbox.emit({ type: "killed", text: taken.problem });
      return;
    }
    if (taken.value !== inForce) {
      this.unfencing.useConf(taken.value.conf, false);
      this.#performer.putInForce(taken.value, []);
      this.#announcements.stepServices({ type: "clean-up" });
    }
    if (result.winner !== null && !this.#replica.adopt(snapshot)) {
      this.#reader.refuse(result.authority, "its snapshot cannot be a state of this cluster");
      return;
    }
    this.#activate();
    for (const message of later) this.#apply(message);
  }

  #activate(): void {
    const { result, ring, first, lives, ...waits } = this.#exchange.activate();
    const { accepted, continuing, winner } = result;
    if (winner === null) this.#replica.begin(ring.seq, this.#voting.lastRingWithServices);
    else this.#replica.continue(winner, ring.seq);
    this.lease.confirm(ring);
    this.#replica.release();
    this.#performer.perform();
    const known = this.#lastHeard.takePart(winner === null);
    if (known !== null) this.#outbox.emit({ type: "machines", known });
    const membership = { ringSeq: ring.seq, members: accepted, ...waits };
    this.#replica.setMembership(membership, { members: lives, continuing });
    if (first) this.#outbox.emit({ type: "sync-done", ring });
    this.#leaseTimer.renewed();
    this.#services.runDeferred();
  }

  #becomeInquorate(): void {
    this.#lossOfQuorum.endHistory("its ring is inquorate");
    const waiting = this.#exchange.becomeInquorate();
    this.#replica.stepFence({ type: "inquorate" });
    this.#performer.perform();
    if (waiting !== null) this.#outbox.emit({ type: "sync-done", ring: waiting });
  }

  #onLeaseEnd(): void {
    const { ringGoesOn } = this.#exchange;
    this.#exchange.end();
    this.#lossOfQuorum.leaseEnded(ringGoesOn);
  }

  #onShutdown(remove: boolean): void {
    if (!this.#announcements.beginEnd(remove) || this.#replica.history !== null) return;
    if (this.#services.mayRun) this.#announcements.stepServices({ type: "clean-up" });
    else this.#outbox.emit({ type: "leave" });
  }
}
