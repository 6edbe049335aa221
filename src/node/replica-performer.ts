/**
 * Carries out the replicated state on this node: it lets the replica apply what is ordered, a
 * bounded part of it in each step of the node, and turns each output of the service table and of
 * the fence domain into outputs of the node, in order. Everything else that the node has to do gets
 * its turn in between.
 * Tested in: test/node/work-in-parts.test.ts, test/services/rgmanager.test.ts
 * WORK1  What has been begun goes on without another event: the node asks for a step of its own.
 */
import type { Failover } from "../model/failover-times.ts";
import type { NodeId, ServiceName } from "../model/ids.ts";
import { assertNever } from "../model/outcome.ts";
import { ms } from "../model/time.ts";
import type { ServiceRecord } from "../services/table/service-state.ts";
import type { TableProgress } from "../services/table/table-events.ts";
import type { ConfVersion, ConfVersions } from "./conf-versions.ts";
import type { FencingProgress } from "./fencing-progress.ts";
import type { MembershipAnnouncements } from "./membership-announcements.ts";
import type { NodeInput } from "./node-events.ts";
import type { NodeServices } from "./node-services.ts";
import type { Outbox } from "./outbox.ts";
import type { Replica, ReplicaOutput } from "./replica.ts";
import type { Unfencing } from "./unfencing.ts";

/**
 * About how much of the replicated state is worked on in one step; see `Replica.goOn`. With 128 it
 * is sixteen decisions: a step stays below a millisecond, also of code that was never run before.
 */
export const usualWorkMax = 128;

type TableEffect = Extract<ReplicaOutput, { readonly from: "table" }>["output"];
type FenceEffect = Extract<ReplicaOutput, { readonly from: "fence" }>["output"];

type PerformerParts = {
  readonly outbox: Outbox;
  readonly services: NodeServices;
  readonly announcements: MembershipAnnouncements;
  readonly replica: Replica;
  readonly confVersions: ConfVersions;
  readonly fencingProgress: FencingProgress;
  readonly unfencing: Unfencing;
};

export class ReplicaPerformer {
  readonly #self: NodeId;
  readonly #parts: PerformerParts;
  readonly #workMax: number;
  /** The node has asked for a step of its own, and it has not come yet. */
  #asked = false;
  /** Failovers that have ended; they are reported behind what has been said of their services. */
  readonly #ended: Failover[] = [];

  constructor(self: NodeId, parts: PerformerParts, workMax: number) {
    this.#self = self;
    this.#parts = parts;
    this.#workMax = workMax;
  }

  /** Before an input is taken: one that looks at the replicated state has to find it complete. */
  prepareFor(input: NodeInput): void {
    if (input.type === "continue") this.#asked = false;
    this.#traceRing(input);
    if (!leavesReplica(input) || this.#parts.replica.crowded) this.finish();
  }

  /** Applies all that is ordered and performs all that follows from it. */
  finish(): void {
    const { replica } = this.#parts;
    while (replica.goOn(Number.POSITIVE_INFINITY) > 0) this.perform();
    this.perform();
  }

  /**
   * At the end of a step: applies a bounded part of what is ordered. Returns whether the replicated
   * state is complete now.
   */
  goOn(): boolean {
    const { replica, services, outbox } = this.#parts;
    this.perform();
    for (let left = this.#workMax; left > 0 && replica.busy; this.perform()) {
      left -= replica.goOn(left);
    }
    if ((replica.busy || services.needsStep) && !this.#asked) {
      this.#asked = true;
      outbox.emit({ type: "continue" });
    }
    return !replica.busy;
  }

  /** Performs the outputs there are; performing may cause more: a start that fails at once. */
  perform(): void {
    const { replica, services, outbox } = this.#parts;
    services.failovers.follow(replica.table);
    for (let batch = replica.take(); batch.length > 0; batch = replica.take()) {
      for (const one of batch) {
        if (one.from === "table") this.#performTable(one.output);
        else this.#performFence(one.output);
      }
    }
    for (const failover of this.#ended.splice(0)) outbox.emit({ type: "failover", failover });
  }

  /** Puts a conf in force on this node; nothing is left here of the `clean` services. */
  putInForce({ conf, hash, text }: ConfVersion, clean: readonly ServiceName[]): void {
    const { confVersions, outbox, replica, services } = this.#parts;
    confVersions.putInForce({ conf, hash, text });
    outbox.emit({ type: "conf-in-force", conf, hash, text });
    replica.useConf(conf);
    services.reconfigure(conf, clean);
  }

  #performTable(effect: TableEffect): void {
    const { outbox, services, announcements, confVersions } = this.#parts;
    switch (effect.type) {
      case "moved-on":
      case "awaited":
      case "off":
        this.#trace(effect);
        return;
      case "run":
        services.run(effect);
        return;
      case "adopt":
        services.adopt(effect);
        return;
      case "abort":
        services.abort(effect);
        return;
      case "reply":
        services.reply(effect);
        return;
      case "examine":
        confVersions.awaitProposal(effect);
        outbox.emit({ type: "read", text: effect.text });
        return;
      case "prepare":
        announcements.stepServices(effect);
        return;
      case "switch":
        services.failovers.forgetAllBut(effect.conf);
        this.#parts.unfencing.useConf(effect.conf, true);
        this.putInForce(effect, effect.clean);
        return;
      case "departure-granted":
        // Nobody looks after this node once it has left: nothing may be left of a failed stop.
        if (effect.node !== this.#self) return;
        announcements.departing = true;
        announcements.stepServices({ type: "kill" });
        return;
      case "leave-all":
        outbox.emit({ type: "told-to-leave" });
        return;
      case "kill-broker":
        if (effect.node === this.#self) outbox.emit({ type: "kill-broker", why: effect.why });
        return;
      case "look-at-broker": {
        const { node, life, move } = effect;
        const own = node === this.#self && life === services.life;
        if (own) outbox.emit({ type: "look-at-broker", move });
        return;
      }
      case "notice":
        outbox.notice("services", effect.level, effect.text);
        return;
      default:
        assertNever(effect);
    }
  }

  /** Follows the ring, whose end may be the loss of an owner. */
  #traceRing(input: NodeInput): void {
    const { services, outbox } = this.#parts;
    const { monotonicMs, boottimeMs } = outbox.now;
    if (input.type === "suspended") services.failovers.step({ type: "suspended" }, monotonicMs);
    if (input.type !== "configuration" || input.configuration.kind !== "regular") return;
    const heard = input.heardAt.map(({ node, atMs, beforeMs }) => {
      const member = input.configuration.members.includes(node);
      return [node, monotonicMs - boottimeMs + (member ? beforeMs : atMs)] as const;
    });
    services.failovers.step({ type: "configured", heardMs: new Map(heard) }, monotonicMs);
  }

  #trace(effect: TableProgress): void {
    const { services, outbox } = this.#parts;
    const waitsFor = effect.type === "moved-on" ? this.#waitsFor(effect.record) : null;
    const course = effect.type === "moved-on" ? { ...effect, waitsFor } : effect;
    const failover = services.failovers.step(course, outbox.now.monotonicMs);
    if (failover !== null) this.#ended.push(failover);
  }

  /** Null where what is ordered is not applied completely: the service may be started yet. */
  #waitsFor(record: ServiceRecord): string | null {
    const { services, replica } = this.#parts;
    const { name, op, state } = record;
    const rests = op === null && state === "stopped" && !replica.busy;
    if (!rests || !services.failovers.follows(name)) return null;
    // It may have moved on meanwhile, or may not be configured any more.
    if (replica.table?.service(name) !== record) return null;
    return replica.table.wait(name)?.kind ?? null;
  }

  #performFence(effect: FenceEffect): void {
    const { outbox, fencingProgress } = this.#parts;
    fencingProgress.note(effect, outbox.now.boottimeMs);
    switch (effect.type) {
      case "submit":
        outbox.submit("app", { layer: "fencing", body: effect.message });
        return;
      case "arm": {
        const { type, node, afterMs } = effect;
        outbox.emit({ type, timer: `fence-${node}`, afterMs });
        return;
      }
      case "disarm":
        outbox.emit({ type: "disarm", timer: `fence-${effect.node}` });
        return;
      case "run":
        outbox.emit({ ...effect, type: "fence" });
        return;
      case "notice":
        outbox.notice("fencing", effect.level, effect.text);
        return;
      default:
        assertNever(effect);
    }
  }
}

/**
 * Whether the input neither asks for the replicated state nor changes it, or waits for its turn
 * behind what is ordered (R3).
 */
function leavesReplica(input: NodeInput): boolean {
  switch (input.type) {
    case "begin":
    case "continue":
    case "deliver":
    case "suspended":
    case "lease":
    case "report":
    case "guarded":
    case "check-now":
    case "broker":
    case "broker-looked":
    case "request":
      return true;
    case "timer":
      return input.timer === "lease" || input.timer === "poll" || input.timer === "tick";
    default:
      return false;
  }
}

/**
 * Moves the time of the service table on when the retry of a service falls due: the lowest ready
 * node orders a `tick`, so that all members see the same time.
 */
export class RetryTick {
  readonly #self: NodeId;
  readonly #outbox: Outbox;
  /** Table time for which the timer is armed, or null. */
  #dueMs: number | null = null;

  constructor(self: NodeId, outbox: Outbox) {
    this.#self = self;
    this.#outbox = outbox;
  }

  /** After each step; `table` is null while this node takes no part. */
  adjust(table: Replica["table"]): void {
    const wake = table?.wake() ?? null;
    const mine = table?.lowestReady() === this.#self;
    const wanted = wake !== null && mine ? wake.atMs : null;
    if (wanted === this.#dueMs) return;
    this.#dueMs = wanted;
    if (wanted === null || wake === null) {
      this.#outbox.emit({ type: "disarm", timer: "tick" });
    } else {
      const afterMs = ms(Math.max(1, wanted - wake.nowMs));
      this.#outbox.emit({ type: "arm", timer: "tick", afterMs });
    }
  }

  /** The timer is over. */
  fire(): void {
    const at = Math.max(this.#outbox.wallMs, Math.ceil(this.#dueMs ?? 0));
    this.#dueMs = null;
    this.#outbox.submit("app", { layer: "services", body: { type: "tick", at } });
  }
}
