/**
 * One node of the cluster: hands each machine's outputs to the next machine, and this only.
 * Ring events come in, agent orders and ordered messages go out; performs nothing itself.
 * N1  Outputs of messages delivered after a transitional configuration wait until the next exchange
 *     has shown that their history goes on; a history that ends takes them with it.
 * N2  No service is started without a lease; when the lease ends, everything is killed.
 * N3  A node whose history ended takes a new life and proves itself clean before it is ready.
 *
 *   apart ──regular configuration──► exchanging ──all spoke, quorate──► active
 *     ▲                                 │  └─somebody lacks the state─► transferring ──► active
 *     └──────────── inquorate ──────────┘
 */
import { FenceDomain, type FenceInput, type FenceOutput } from "../fencing/fence-domain.ts";
import { fenceSnapshot } from "../fencing/fence-messages.ts";
import type { ClusterConf } from "../model/conf.ts";
import { type NodeId, type RingId, sameRing } from "../model/ids.ts";
import { assertNever, invariant } from "../model/outcome.ts";
import { ms } from "../model/time.ts";
import { Quorum } from "../quorum/quorum.ts";
import { type LocalInput, LocalServices } from "../services/local-services.ts";
import { ServiceTable, type TableInput, tableSnapshot } from "../services/service-table.ts";
import type { TableOutput } from "../services/table-draft.ts";
import {
  concludeExchange,
  type ExchangeResult,
  type Hello,
  type History,
} from "../services/table-sync.ts";
import { extendDigest } from "./digest.ts";
import { type Envelope, envelope } from "./envelope.ts";
import { LeaseClock } from "./lease-clock.ts";
import type { NodeIdentity, NodeInput, NodeOutput, Now } from "./node-events.ts";

type Phase = "apart" | "exchanging" | "transferring" | "active";
type Configured = Extract<NodeInput, { readonly type: "configuration" }>;
type Held =
  | { readonly from: "table"; readonly output: TableOutput }
  | { readonly from: "fence"; readonly output: FenceOutput };
type RunOutput = Extract<TableOutput, { readonly type: "run" }>;

/** Lives of one process; more would mean a node that flaps for ever, which a restart must end. */
const livesMax = 1024;

export class ClusterNode {
  readonly conf: ClusterConf;
  readonly identity: NodeIdentity;
  readonly quorum: Quorum;
  readonly fence: FenceDomain;
  readonly lease: LeaseClock;
  readonly #local: LocalServices;
  #now: Now = { monotonicMs: 0, boottimeMs: 0, wallMs: 0 };
  #out: NodeOutput[] = [];
  #lives = 0;
  #phase: Phase = "apart";
  #suspended = true;
  #ring: RingId | null = null;
  #members: readonly NodeId[] = [];
  #heardAt: Configured["heardAt"] = [];
  #hellos = new Map<NodeId, Hello>();
  #result: ExchangeResult | null = null;
  #accepted: readonly NodeId[] = [];
  #history: History | null = null;
  #table: ServiceTable | null = null;
  #transitional = false;
  #held: Held[] = [];
  #deferred: RunOutput[] = [];
  readonly #requests = new Set<number>();
  #tickFor: number | null = null;
  #leaseArmed = false;
  #ending: "no" | "shutdown" | "restart" = "no";

  constructor(conf: ClusterConf, identity: NodeIdentity) {
    this.conf = conf;
    this.identity = identity;
    this.quorum = new Quorum(conf.quorum, conf.nodes);
    this.fence = new FenceDomain(conf, identity.self);
    this.lease = new LeaseClock(conf.fencing.leaseMs);
    this.#local = new LocalServices(conf, {
      nodeName: identity.name,
      trackingToken: identity.trackingToken,
    });
  }

  /** Readers' view; nothing outside decides by it. */
  get snapshot() {
    const { self } = this.identity;
    return {
      self,
      phase: this.#phase,
      ring: this.#ring,
      members: this.#phase === "active" ? this.#accepted : this.#members,
      table: this.#phase === "active" ? this.#table : null,
      history: this.#history,
      life: this.#life(),
      clean: this.#local.clean,
    };
  }

  step(input: NodeInput, now: Now): readonly NodeOutput[] {
    this.#out = [];
    this.#now = now;
    if (this.lease.takeEnd(now.boottimeMs)) this.#onLeaseEnd();
    switch (input.type) {
      case "begin":
        this.#stepLocal({ type: "clean-up" });
        this.#emit({ type: "arm", timer: "poll", afterMs: this.#pollMs() });
        break;
      case "configuration":
        this.#onConfiguration(input);
        break;
      case "deliver":
        this.#onDeliver(input.from, input.payload);
        break;
      case "suspended":
        this.#suspended = true;
        break;
      case "lease":
        this.lease.renew(input, this.#phase === "active" ? this.#ring : null);
        this.#onLease();
        break;
      case "timer":
        this.#onTimer(input.timer);
        break;
      case "report":
        this.#stepLocal({ type: "report", action: input.action, report: input.report });
        break;
      case "fence-verdict":
        this.#stepFence({ ...input, type: "verdict", wallSeconds: this.#wallSeconds() });
        break;
      case "request":
        this.#onRequest(input);
        break;
      case "network-changed":
        this.#stepLocal({ type: "check-now", why: input.why });
        break;
      case "shutdown":
        this.#onShutdown();
        break;
      default:
        assertNever(input);
    }
    this.#armTick();
    return this.#out;
  }

  // --- configuration and exchange ---------------------------------------------------------------

  #onConfiguration(input: Configured): void {
    const { configuration } = input;
    if (configuration.kind === "transitional") {
      this.#transitional = true;
      return;
    }
    this.#suspended = false;
    this.#ring = configuration.ring;
    this.#members = configuration.members;
    this.#heardAt = input.heardAt;
    this.#hellos = new Map();
    this.#result = null;
    this.#phase = "exchanging";
    this.#submit("sync", { layer: "sync", body: this.#hello(configuration.ring) });
  }

  #hello(ring: RingId): Hello {
    const voice = this.quorum.voice(this.identity.self, this.#history !== null);
    return {
      type: "hello",
      ring,
      node: this.identity.self,
      life: this.#life(),
      cluster: this.conf.name,
      configVersion: this.conf.version,
      configHash: this.identity.configHash,
      history: this.#history,
      quorum: voice.quorum,
      waitsForAll: voice.waitsForAll,
      quorate: voice.quorate,
      silent: this.#heardAt.map(({ node, atMs }) => ({
        node,
        ms: Math.max(0, this.#now.boottimeMs - atMs),
      })),
    };
  }

  #onDeliver(from: NodeId, payload: unknown): void {
    const parsed = envelope(payload);
    if (parsed === null) {
      this.#notice("services", "err", `message from node ${from} is not understood: ignored`);
      return;
    }
    const { value } = parsed;
    if (value.layer === "sync") {
      if (this.#ring === null || !sameRing(value.body.ring, this.#ring)) return;
      if (value.body.type === "hello") this.#onHello(from, value.body);
      else this.#onSnapshot(from, value.body);
      return;
    }
    if (this.#phase !== "active" || this.#history === null) return;
    const { ringSeq, version, digest } = this.#history;
    const text = JSON.stringify(value);
    this.#history = { ringSeq, version: version + 1, digest: extendDigest(digest, text) };
    if (value.layer === "fencing") this.#stepFence({ type: "message", message: value.body });
    else this.#onServiceMessage(value.body);
  }

  #onHello(from: NodeId, body: Hello): void {
    if (this.#phase !== "exchanging" || body.node !== from) return;
    this.#hellos.set(from, body);
    if (!this.#members.every((member) => this.#hellos.has(member))) return;
    const hellos = this.#members.flatMap((member) => this.#hellos.get(member) ?? []);
    this.#conclude(concludeExchange(hellos), hellos);
  }

  #conclude(result: ExchangeResult, hellos: readonly Hello[]): void {
    for (const { node, why } of result.refused) {
      this.#notice("quorum", "err", `node ${node} is not counted: ${why}`);
    }
    const { self } = this.identity;
    const accepted = result.accepted.includes(self);
    const before = this.quorum.snapshot();
    const verdict = this.quorum.step(hellos.filter((one) => result.accepted.includes(one.node)));
    if (verdict.quorate !== before.quorate || verdict.reason !== before.reason) {
      const state = verdict.quorate ? "quorate" : "inquorate";
      this.#notice("quorum", "notice", `${state}: ${verdict.reason}`);
    }
    if (!accepted || !verdict.quorate) {
      this.#becomeInquorate();
      return;
    }
    this.#result = result;
    if (!result.continuing.includes(self)) this.#endHistory("the others went on without it");
    if (!result.snapshotNeeded) {
      this.#activate(result);
      return;
    }
    this.#phase = "transferring";
    if (result.authority === self) this.#sendSnapshot();
  }

  #sendSnapshot(): void {
    invariant(this.#ring !== null && this.#history !== null, "authority without a history");
    const body = {
      type: "snapshot" as const,
      ring: this.#ring,
      history: this.#history,
      table: this.#table?.snapshot() ?? null,
      fence: this.fence.snapshot(),
    };
    this.#submit("sync", { layer: "sync", body });
  }

  #onSnapshot(
    from: NodeId,
    body: { readonly history: History; readonly table: unknown; readonly fence: unknown },
  ): void {
    const result = this.#result;
    if (this.#phase !== "transferring" || result === null || from !== result.authority) return;
    if (!result.continuing.includes(this.identity.self)) {
      const table = tableSnapshot(body.table);
      const fence = fenceSnapshot(body.fence);
      invariant(table !== null && fence !== null, "snapshot of another version");
      this.#table = ServiceTable.adopt(this.conf, table.value);
      invariant(this.#table !== null, "snapshot of another configuration");
      this.fence.adopt(fence.value);
      this.#history = body.history;
    }
    this.#activate(result);
  }

  #activate(result: ExchangeResult): void {
    const ring = this.#ring;
    invariant(ring !== null, "activation without a ring");
    const wasActive = this.#accepted;
    if (result.winner === null) {
      this.#table = ServiceTable.fresh(this.conf);
      this.fence.begin(ring.seq);
      this.#history = { ringSeq: ring.seq, version: 0, digest: "" };
    } else {
      this.#history = { ...result.winner, ringSeq: ring.seq };
    }
    this.#phase = "active";
    this.#accepted = result.accepted;
    this.lease.confirm(ring);
    this.#releaseHeld();
    const lives = [...this.#hellos.values()].map(({ node, life }) => ({ node, life }));
    const members = lives.filter(({ node }) => result.accepted.includes(node));
    const grown =
      result.winner === null || result.accepted.some((node) => !wasActive.includes(node));
    const view = { ringSeq: ring.seq, members: result.accepted, silentMs: this.#silence(), grown };
    this.#stepFence({ type: "view", ...view });
    this.#stepTable({ type: "view", members, continuing: result.continuing });
    this.#emit({ type: "sync-done", ring });
    this.#onLease();
    this.#announceReady();
  }

  /** For each node, how long ago the member that heard it last did so. */
  #silence(): ReadonlyMap<NodeId, number> {
    const silence = new Map<NodeId, number>();
    for (const member of this.#accepted) {
      for (const { node, ms: silentMs } of this.#hellos.get(member)?.silent ?? []) {
        silence.set(node, Math.min(silence.get(node) ?? Number.POSITIVE_INFINITY, silentMs));
      }
    }
    return silence;
  }

  #becomeInquorate(): void {
    this.#endHistory("the configuration is inquorate");
    this.#phase = "apart";
    this.#accepted = [];
    this.#stepFence({ type: "inquorate" });
    if (this.#ring !== null) this.#emit({ type: "sync-done", ring: this.#ring });
  }

  /** The replicated state is void: stop everything, answer everybody, begin a new life (N3). */
  #endHistory(why: string): void {
    this.#transitional = false;
    this.#held = [];
    this.#deferred = [];
    this.#table = null;
    if (this.#history === null) return;
    this.#history = null;
    this.#lives += 1;
    invariant(this.#lives < livesMax, "N3: too many lives of one process");
    this.#notice("services", "warning", `services are stopped on this node: ${why}`);
    for (const number of this.#requests) {
      this.#emit({ type: "reply", number, code: -9, owner: null });
    }
    this.#requests.clear();
    if (this.#local.mayRun) this.#stepLocal({ type: "clean-up" });
    else if (this.#ending === "shutdown") this.#emit({ type: "leave" });
  }

  // --- lease ------------------------------------------------------------------------------------

  #onLease(): void {
    if (!this.lease.held(this.#now.boottimeMs)) return;
    if (!this.#leaseArmed) this.#armLease();
    const deferred = this.#deferred;
    this.#deferred = [];
    for (const output of deferred) this.#onTableOutput(output);
  }

  #armLease(): void {
    this.#leaseArmed = true;
    const afterMs = ms(Math.ceil(this.lease.remainingMs(this.#now.boottimeMs)));
    this.#emit({ type: "arm", timer: "lease", afterMs });
  }

  #onLeaseEnd(): void {
    const stillActive = this.#phase === "active" && !this.#suspended;
    const why = "the lease has ended: this node could not prove quorate membership in time";
    const running = this.#local.mayRun;
    this.#endHistory(why);
    this.#phase = "apart";
    // A lease that ends on a ring that goes on means that this process was not running.
    if (stillActive && this.#ending === "no") this.#ending = "restart";
    if (running) {
      this.#notice("fencing", "alert", `${why}; everything of the services is killed`);
      this.#stepLocal({ type: "kill" });
    } else if (stillActive) this.#onClean();
  }

  // --- timers, requests, end --------------------------------------------------------------------

  #onTimer(timer: Extract<NodeInput, { readonly type: "timer" }>["timer"]): void {
    if (timer === "lease") {
      this.#leaseArmed = false;
      if (this.lease.held(this.#now.boottimeMs)) this.#armLease();
    } else if (timer === "poll") {
      this.#emit({ type: "arm", timer: "poll", afterMs: this.#pollMs() });
      this.#stepLocal({ type: "poll" });
    } else if (timer === "tick") {
      const at = Math.max(this.#now.wallMs, Math.ceil(this.#tickFor ?? 0));
      this.#tickFor = null;
      this.#submit("app", { layer: "services", body: { type: "tick", at } });
    } else {
      const node = this.conf.nodes.find((one) => `fence-${one.id}` === timer);
      invariant(node !== undefined, `timer ${timer} of an unknown node`);
      this.#stepFence({ type: "timer", node: node.id, wallSeconds: this.#wallSeconds() });
    }
  }

  #armTick(): void {
    const wake = this.#phase === "active" ? (this.#table?.wake() ?? null) : null;
    const mine = this.#table?.lowestReady() === this.identity.self;
    const wanted = wake !== null && mine ? wake.atMs : null;
    if (wanted === this.#tickFor) return;
    this.#tickFor = wanted;
    if (wanted === null || wake === null) this.#emit({ type: "disarm", timer: "tick" });
    else {
      const afterMs = ms(Math.max(1, wanted - wake.nowMs));
      this.#emit({ type: "arm", timer: "tick", afterMs });
    }
  }

  #onRequest(request: Extract<NodeInput, { readonly type: "request" }>): void {
    const { number, operation, service, target, byDomain } = request;
    if (!this.conf.services.services.some((one) => one.name === service)) {
      this.#emit({ type: "reply", number, code: -4, owner: null });
      return;
    }
    if (this.#history === null) {
      this.#emit({ type: "reply", number, code: -9, owner: null });
      return;
    }
    this.#requests.add(number);
    const ref = { node: this.identity.self, life: this.#life(), number };
    this.#submit("app", {
      layer: "services",
      body: { type: "request", ref, operation, service, target, byDomain, at: this.#wallMs() },
    });
  }

  #onShutdown(): void {
    if (this.#ending !== "no") return;
    this.#ending = "shutdown";
    if (this.#history !== null) this.#announceLeaving();
    else if (this.#local.mayRun) this.#stepLocal({ type: "clean-up" });
    else this.#emit({ type: "leave" });
  }

  #announceLeaving(): void {
    const node = this.#table?.node(this.identity.self);
    if (this.#phase !== "active" || node?.phase !== "ready") return;
    this.#submitOwn("leaving");
  }

  #announceReady(): void {
    const node = this.#phase === "active" ? this.#table?.node(this.identity.self) : undefined;
    if (node === undefined || !this.#local.clean) return;
    if (node.phase === "joined" && node.life === this.#life()) this.#submitOwn("ready");
    else if (node.phase === "ready" && this.#ending === "shutdown") this.#submitOwn("leaving");
  }

  #submitOwn(type: "ready" | "leaving" | "left"): void {
    const body = { type, node: this.identity.self, life: this.#life(), at: this.#wallMs() };
    this.#submit("app", { layer: "services", body });
  }

  // --- the machines -----------------------------------------------------------------------------

  #onServiceMessage(message: Extract<Envelope, { readonly layer: "services" }>["body"]): void {
    const { self } = this.identity;
    if (message.type === "ready") {
      // The fence domain holds it back while agents are at work against that very node.
      const { node, life, at } = message;
      this.#stepFence({ type: "ready", ready: { node, life, at } });
      return;
    }
    this.#stepTable({ type: "message", message });
    if (message.type !== "left") return;
    this.#stepFence({ type: "left", node: message.node });
    if (message.node === self && message.life === this.#life()) this.#emit({ type: "leave" });
  }

  #stepTable(input: TableInput): void {
    if (this.#table === null) return;
    for (const output of this.#table.step(input)) {
      if (this.#transitional) this.#held.push({ from: "table", output });
      else this.#onTableOutput(output);
    }
  }

  #stepFence(input: FenceInput): void {
    for (const output of this.fence.step(input)) {
      // What changes the replicated state is not held: it is part of the history itself.
      if (output.type === "fenced") {
        this.#stepTable({ type: "fenced", node: output.node, text: output.text });
      } else if (output.type === "ready") {
        const message = { type: "ready" as const, ...output.ready };
        this.#stepTable({ type: "message", message });
        if (output.ready.node === this.identity.self) this.#announceReady();
      } else if (this.#transitional) this.#held.push({ from: "fence", output });
      else this.#onFenceOutput(output);
    }
  }

  #releaseHeld(): void {
    this.#transitional = false;
    const held = this.#held;
    this.#held = [];
    for (const one of held) {
      if (one.from === "table") this.#onTableOutput(one.output);
      else this.#onFenceOutput(one.output);
    }
  }

  #onTableOutput(output: TableOutput): void {
    const { self } = this.identity;
    switch (output.type) {
      case "run":
        if (output.operation.node !== self || output.operation.life !== this.#life()) return;
        if (output.operation.kind === "start" && !this.lease.held(this.#now.boottimeMs)) {
          this.#deferred.push(output);
        } else {
          this.#stepLocal({ type: "run", service: output.service, operation: output.operation });
        }
        return;
      case "reply":
        if (output.ref.node !== self || !this.#requests.delete(output.ref.number)) return;
        this.#emit({
          type: "reply",
          number: output.ref.number,
          code: output.code,
          owner: output.owner,
        });
        return;
      case "departure-granted":
        if (output.node === self) this.#submitOwn("left");
        return;
      case "notice":
        this.#notice("services", output.level, output.text);
        return;
      default:
        assertNever(output);
    }
  }

  #onFenceOutput(output: FenceOutput): void {
    switch (output.type) {
      case "submit":
        this.#submit("app", { layer: "fencing", body: output.message });
        return;
      case "arm":
        this.#emit({ type: "arm", timer: `fence-${output.node}`, afterMs: output.afterMs });
        return;
      case "disarm":
        this.#emit({ type: "disarm", timer: `fence-${output.node}` });
        return;
      case "run":
        this.#emit({ type: "fence", node: output.node, order: output.order });
        return;
      case "notice":
        this.#notice("fencing", output.level, output.text);
        return;
      case "fenced":
      case "ready":
        return;
      default:
        assertNever(output);
    }
  }

  #stepLocal(input: LocalInput): void {
    for (const output of this.#local.step(input, this.#now.monotonicMs)) {
      switch (output.type) {
        case "act":
        case "cancel":
          this.#emit(output);
          break;
        case "result": {
          const { op, outcome, text } = output;
          const who = { node: this.identity.self, life: this.#life(), at: this.#wallMs() };
          this.#submit("app", {
            layer: "services",
            body: { type: "op-result", ...who, op, outcome, text },
          });
          break;
        }
        case "status-failed": {
          const { service, startOp, text } = output;
          const who = { node: this.identity.self, life: this.#life(), at: this.#wallMs() };
          this.#submit("app", {
            layer: "services",
            body: { type: "status-failed", ...who, service, startOp, text },
          });
          break;
        }
        case "clean":
          this.#onClean();
          break;
        case "notice":
          this.#notice("services", output.level, output.text);
          break;
        default:
          assertNever(output);
      }
    }
  }

  #onClean(): void {
    this.#notice("services", "info", "nothing of any service is left on this node");
    if (this.#ending === "restart") {
      this.#emit({ type: "restart", why: "the lease ended although the ring went on" });
    } else if (this.#ending === "shutdown" && this.#history === null) {
      this.#emit({ type: "leave" });
    } else {
      this.#announceReady();
    }
  }

  #life(): number {
    return this.identity.incarnation * livesMax + this.#lives;
  }

  #pollMs() {
    return this.conf.services.statusPollIntervalMs ?? ms(10_000);
  }

  #wallMs(): number {
    return Math.max(0, Math.floor(this.#now.wallMs));
  }

  #wallSeconds(): number {
    return Math.floor(this.#wallMs() / 1000);
  }

  #submit(lane: "app" | "sync", body: Envelope): void {
    this.#emit({ type: "submit", lane, envelope: body });
  }

  #notice(
    channel: "quorum" | "fencing" | "services",
    level: Extract<NodeOutput, { readonly type: "notice" }>["level"],
    text: string,
  ): void {
    this.#emit({ type: "notice", channel, level, text });
  }

  #emit(output: NodeOutput): void {
    this.#out.push(output);
  }
}
