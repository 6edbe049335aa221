/**
 * The replicated service table: one machine for all services. It applies memberships,
 * ordered messages and fencing results, one at a time. Every member of a quorate ring computes the
 * same table and the same operations, and each operation names the one node that performs it.
 * It reads no clock: messages carry the time. It calls no agents.
 * Source: rgmanager groups.c, rg_state.c, main.c: membership_update, as one decision sequence.
 * T1  A service starts only on a ready node, and only when its last holder is known to have stopped
 *     it or to run nothing.
 * T3  A service does not start while a node that has not been seen might be running it.
 * T4  All consequences of an input are applied before the next input or a snapshot. It makes no
 *     difference in how many parts they are applied.
 * T2 and T6 are kept by node-phases.ts, T5 by kept-services.ts.
 */
import type { BrokerSight } from "../../brokers/broker-sight.ts";
import type { ClusterConf } from "../../model/conf.ts";
import { compareIds, type NodeId, type ServiceName } from "../../model/ids.ts";
import { assertNever, invariant } from "../../model/outcome.ts";
import { outlivesProcesses } from "../tree/held-resources.ts";
import { startOrder } from "../tree/resource-tree.ts";
import { onBrokerSeen } from "./broker-changes.ts";
import { brokersFor } from "./broker-promotion.ts";
import { type FreshStart, type LastPromotion, reportedSight } from "./broker-records.ts";
import { stepStandstill } from "./broker-restarts.ts";
import { onInitDone, onProposal, onVote, settleChange } from "./conf-change.ts";
import { evaluateAll, evaluateCrowdedOut, evaluateDue } from "./evaluation.ts";
import { onLock } from "./freeze-and-lock.ts";
import { onLeaveAll } from "./leave-all.ts";
import { releaseVerified } from "./lost-node.ts";
import {
  grantDepartures,
  onFenced,
  onLeaving,
  onLeft,
  onMembership,
  onReady,
} from "./node-phases.ts";
import { onOpResult, onStatusFailed } from "./operation-results.ts";
import { onRequest } from "./requests.ts";
import type { ServiceMessage } from "./service-messages.ts";
import { onBrokerLooked } from "./service-moves.ts";
import { freshRecord, holderOf, type ServiceRecord } from "./service-state.ts";
import { snapshotProblem } from "./snapshot-check.ts";
import type { TableInput, TableOutput } from "./table-events.ts";
import type { ConfChange, NodeRecord, TableSnapshot } from "./table-snapshot.ts";
import {
  type Decision,
  type LastChange,
  type NodeVerdict,
  type ReadConf,
  TableState,
  type TableWork,
} from "./table-state.ts";
import { findWait, type ServiceWait } from "./waiting.ts";

export class ServiceTable {
  readonly #table: TableState;
  #atRest = true;

  private constructor(table: TableState) {
    this.#table = table;
  }

  /** The first table of a history: only the suspects might be running services. */
  static fresh(
    conf: ClusterConf,
    suspects: readonly NodeId[],
    readConf: ReadConf = () => null,
  ): ServiceTable {
    const table = new TableState(conf, readConf);
    for (const node of conf.nodes) {
      const suspect = suspects.includes(node.id);
      table.putNode({
        id: node.id,
        life: 0,
        phase: suspect ? "lost" : "absent",
        knowledge: suspect ? "unknown" : "known",
        off: [],
        departureGranted: false,
        unproven: true,
      });
    }
    for (const service of conf.services.services) table.put(freshRecord(service.name));
    return new ServiceTable(table);
  }

  /** Null when the snapshot is invalid or of another conf. */
  static adopt(
    conf: ClusterConf,
    snapshot: TableSnapshot,
    readConf: ReadConf = () => null,
  ): ServiceTable | null {
    if (snapshotProblem(snapshot, conf) !== null) return null;
    const table = new TableState(conf, readConf);
    table.change = snapshot.change;
    const stopping = snapshot.change?.stage === "stopping" ? snapshot.change : null;
    table.next = stopping === null ? null : readConf(stopping.text);
    if (stopping !== null && table.next === null) return null;
    table.nowMs = snapshot.nowMs;
    table.nextOp = snapshot.nextOp;
    table.startsDone = snapshot.startsDone;
    table.locked = snapshot.locked;
    table.brokers = snapshot.brokers;
    for (const node of snapshot.nodes) table.putNode(node);
    for (const service of snapshot.services) table.put(service);
    const complete =
      conf.nodes.every((node) => table.nodes.has(node.id)) &&
      conf.services.services.every((service) => table.services.has(service.name)) &&
      table.nodes.size === conf.nodes.length &&
      table.services.size === conf.services.services.length;
    return complete ? new ServiceTable(table) : null;
  }

  /** Applies the input at once; returns all outputs. */
  step(input: TableInput): readonly TableOutput[] {
    return [...this.steps(input)].flat();
  }

  /**
   * Applies the input service by service and yields the outputs so far. The next input and
   * `snapshot` must wait for the end (T4).
   */
  *steps(input: TableInput): Generator<readonly TableOutput[], void, void> {
    invariant(this.#atRest, "T4: an input arrived before the last one was applied completely");
    this.#atRest = false;
    for (const _ of this.#apply(input)) yield this.#table.takeOutputs();
    this.#atRest = true;
    yield this.#table.takeOutputs();
  }

  *#apply(input: TableInput): TableWork {
    switch (input.type) {
      case "membership":
        onMembership(this.#table, input);
        this.#table.worked ||= this.#table.mayWork;
        break;
      case "message":
        yield* this.#onMessage(input.message);
        break;
      case "fenced":
        this.#table.nowMs = Math.max(this.#table.nowMs, input.atMs);
        yield* onFenced(this.#table, input);
        break;
      default:
        assertNever(input);
    }
    stepStandstill(this.#table);
    yield* evaluateCrowdedOut(this.#table);
    yield* settleChange(this.#table);
    grantDepartures(this.#table);
  }

  snapshot(): TableSnapshot {
    invariant(
      this.#atRest,
      "T4: a snapshot was asked for before the last input was applied completely",
    );
    return {
      nowMs: this.#table.nowMs,
      nextOp: this.#table.nextOp,
      startsDone: this.#table.startsDone,
      locked: this.#table.locked,
      change: this.#table.change,
      brokers: this.#table.brokers,
      nodes: [...this.#table.nodes.values()].toSorted((a, b) => compareIds(a.id, b.id)),
      services: this.#table.conf.services.services.map((one) => this.#table.service(one.name)),
    };
  }

  /** Whether a service that makes bound ones stale (`outdates`) may be working on a member. */
  get mayWork(): boolean {
    return this.#table.mayWork;
  }

  /** Whether such a service has worked since the last call. */
  takeWorked(): boolean {
    const { worked } = this.#table;
    this.#table.worked = false;
    return worked;
  }

  node(id: NodeId): NodeRecord {
    return this.#table.node(id);
  }

  service(name: ServiceName): ServiceRecord | null {
    return this.#table.services.get(name) ?? null;
  }

  /** Whether the node has a service that holds more than processes and addresses. */
  holdsMore(node: NodeId): boolean {
    return this.#table.conf.services.services.some(({ name, tree }) => {
      const holder = holderOf(this.#table.service(name));
      return holder === node && startOrder(tree).some(outlivesProcesses);
    });
  }

  get conf(): ClusterConf {
    return this.#table.conf;
  }

  /** The change of the conf that is under way, and the result of the last one. */
  get change(): { readonly pending: ConfChange | null; readonly last: LastChange | null } {
    return { pending: this.#table.change, last: this.#table.lastChange };
  }

  /** A user has locked all services. */
  get locked(): boolean {
    return this.#table.locked;
  }

  /** Services that are not to be checked. */
  frozen(): readonly ServiceName[] {
    return [...this.#table.services.values()].filter((one) => one.frozen).map((one) => one.name);
  }

  /** The last decisions about a service that this node has seen, oldest first. */
  decisions(name: ServiceName): readonly Decision[] {
    return this.#table.decisionsOf(name);
  }

  /** What the node has said last of its broker; null: nothing in its present life. */
  brokerSight(node: NodeId): BrokerSight | null {
    return reportedSight(this.#table.brokers, node);
  }

  /** The brokers that the service chooses from, as their nodes see them; empty: it chooses none. */
  brokersFor(name: ServiceName): ReturnType<typeof brokersFor> {
    return brokersFor(this.#table, name);
  }

  /**
   * The latest promotion that a node has seen or stored; null: no node knows of one. `seen`: it was
   * in this history.
   */
  get lastPromotion(): (LastPromotion & { readonly seen: boolean }) | null {
    const { promoted, primary } = this.#table.brokers;
    return promoted === null ? null : { ...promoted, seen: primary !== null };
  }

  /**
   * The last time that a broker became primary for the service that held nothing, although there
   * had been a primary; null: not in this history, or it promotes none.
   */
  freshStart(name: ServiceName): FreshStart | null {
    return this.#table.index.promoting.has(name) ? this.#table.brokers.freshStart : null;
  }

  /** Why the node must not promote its broker for the service now; null: it may. */
  promotionObstacle(name: ServiceName, node: NodeId): string | null {
    const service = this.#table.service(name);
    const forced = service.op?.chain.forced ?? false;
    const promotion = this.#table.promotion(name, forced);
    if (promotion === null || promotion.nodes.includes(node)) return null;
    return promotion.obstacle ?? promotion.reasons.get(node) ?? "it has no broker";
  }

  /** The node that sends ticks. */
  lowestReady(): NodeId | null {
    return this.#table.readyNodes()[0] ?? null;
  }

  /** The table time at which the next retry is due, and the present table time; null: no retry. */
  wake(): { readonly atMs: number; readonly nowMs: number } | null {
    if (this.#table.locked) return null;
    const due = [...this.#table.index.waiting].map(
      (name) => this.#table.service(name).retryAt ?? 0,
    );
    return due.length === 0 ? null : { atMs: Math.min(...due), nowMs: this.#table.nowMs };
  }

  /** What a service waits for that is busy or not started; null: for nothing. */
  wait(name: ServiceName): ServiceWait | null {
    return findWait(this.#table, name);
  }

  /** The same in words. */
  waitingFor(name: ServiceName): string | null {
    return this.wait(name)?.text ?? null;
  }

  /** Every node, and whether it may run the service now. */
  verdicts(name: ServiceName): readonly NodeVerdict[] {
    return this.#table.verdicts(name, []);
  }

  *#onMessage(message: ServiceMessage): TableWork {
    const table = this.#table;
    table.nowMs = Math.max(table.nowMs, message.at);
    switch (message.type) {
      case "ready":
        yield* onReady(table, message);
        return;
      case "services-off":
        yield* evaluateAll(table, yield* releaseVerified(table, message));
        return;
      case "leaving":
        yield* onLeaving(table, message);
        return;
      case "left":
        yield* onLeft(table, message);
        return;
      case "op-result":
        onOpResult(table, message);
        return;
      case "status-failed":
      case "part-failed":
        onStatusFailed(table, message);
        return;
      case "request":
        onRequest(table, message);
        return;
      case "lock":
        yield* onLock(table, message);
        return;
      case "leave-all":
        onLeaveAll(table, message);
        return;
      case "conf-propose":
        onProposal(table, message);
        return;
      case "conf-vote":
        onVote(table, message);
        return;
      case "init-done":
        onInitDone(table, message);
        return;
      case "broker-seen":
        yield* onBrokerSeen(table, message);
        return;
      case "broker-looked":
        onBrokerLooked(table, message);
        return;
      case "tick":
        yield* evaluateDue(table);
        return;
      default:
        assertNever(message);
    }
  }
}
