/**
 * The replicated service table: the machine over all services. Applies views, ordered messages and
 * fencing results, one at a time; every member of a quorate component computes the same table and
 * the same operations, and each operation names the one node that performs it.
 * Knows no ring, no clock, no agents; time is what messages carry.
 * Source: rgmanager groups.c, rg_state.c, main.c: membership_update, as one decision sequence.
 * T1  A service starts only on a ready node, and only when its last holder is resolved.
 * T3  A service whose unknown holder might run it does not start.
 * T4  What follows from an input is complete before the next one is taken, and before the table
 *     is handed on: in how many parts it is done changes nothing.
 * T2 is kept by node-phases.ts, T5 by kept-services.ts.
 */
import type { ClusterConf } from "../../model/conf.ts";
import { compareIds, type NodeId, type ServiceName } from "../../model/ids.ts";
import { assertNever, invariant } from "../../model/outcome.ts";
import { onInitDone, onProposal, onVote, settleChange } from "./conf-change.ts";
import { evaluateAll, evaluateCrowdedOut, evaluateDue } from "./evaluation.ts";
import { onLock } from "./freeze-and-lock.ts";
import { releaseVerified } from "./lost-node.ts";
import { grantDepartures, onFenced, onLeaving, onLeft, onReady, onView } from "./node-phases.ts";
import { onOpResult, onStatusFailed } from "./operation-results.ts";
import { onRequest } from "./requests.ts";
import type { ServiceMessage } from "./service-messages.ts";
import { freshRecord, type ServiceRecord } from "./service-state.ts";
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
import { type ServiceWait, waitOf } from "./waiting.ts";

export class ServiceTable {
  readonly #draft: TableState;
  #atRest = true;

  private constructor(draft: TableState) {
    this.#draft = draft;
  }

  /** The first table of a history: the suspects might be running anything, the others nothing. */
  static fresh(
    conf: ClusterConf,
    suspects: readonly NodeId[],
    readConf: ReadConf = () => null,
  ): ServiceTable {
    const draft = new TableState(conf, readConf);
    for (const node of conf.nodes) {
      const suspect = suspects.includes(node.id);
      draft.putNode({
        id: node.id,
        life: 0,
        phase: suspect ? "lost" : "absent",
        knowledge: suspect ? "unknown" : "known",
        off: [],
        departureGranted: false,
      });
    }
    for (const service of conf.services.services) draft.put(freshRecord(service.name));
    return new ServiceTable(draft);
  }

  /** Null when the snapshot is not of this configuration, or cannot be one. */
  static adopt(
    conf: ClusterConf,
    snapshot: TableSnapshot,
    readConf: ReadConf = () => null,
  ): ServiceTable | null {
    if (snapshotProblem(snapshot, conf) !== null) return null;
    const draft = new TableState(conf, readConf);
    draft.change = snapshot.change;
    const stopping = snapshot.change?.stage === "stopping" ? snapshot.change : null;
    draft.next = stopping === null ? null : readConf(stopping.text);
    if (stopping !== null && draft.next === null) return null;
    draft.nowMs = snapshot.nowMs;
    draft.nextOp = snapshot.nextOp;
    draft.startsDone = snapshot.startsDone;
    draft.locked = snapshot.locked;
    for (const node of snapshot.nodes) draft.putNode(node);
    for (const service of snapshot.services) draft.put(service);
    const complete =
      conf.nodes.every((node) => draft.nodes.has(node.id)) &&
      conf.services.services.every((service) => draft.services.has(service.name)) &&
      draft.nodes.size === conf.nodes.length &&
      draft.services.size === conf.services.services.length;
    return complete ? new ServiceTable(draft) : null;
  }

  /** All that follows from the input. */
  step(input: TableInput): readonly TableOutput[] {
    return [...this.steps(input)].flat();
  }

  /**
   * The same, one service after the other: what to do after each of them. The next input, and
   * `snapshot`, must wait for the end (T4).
   */
  *steps(input: TableInput): Generator<readonly TableOutput[], void, void> {
    invariant(this.#atRest, "T4: an input comes before the end of the one before");
    this.#atRest = false;
    for (const _ of this.#apply(input)) yield this.#draft.takeOutputs();
    this.#atRest = true;
    yield this.#draft.takeOutputs();
  }

  *#apply(input: TableInput): TableWork {
    switch (input.type) {
      case "view":
        onView(this.#draft, input);
        this.#draft.worked ||= this.#draft.mayWork;
        break;
      case "message":
        yield* this.#onMessage(input.message);
        break;
      case "fenced":
        this.#draft.nowMs = Math.max(this.#draft.nowMs, input.atMs);
        yield* onFenced(this.#draft, input.node);
        break;
      default:
        assertNever(input);
    }
    yield* evaluateCrowdedOut(this.#draft);
    yield* settleChange(this.#draft);
    grantDepartures(this.#draft);
  }

  snapshot(): TableSnapshot {
    invariant(this.#atRest, "T4: a snapshot of what is half done");
    return {
      nowMs: this.#draft.nowMs,
      nextOp: this.#draft.nextOp,
      startsDone: this.#draft.startsDone,
      locked: this.#draft.locked,
      change: this.#draft.change,
      nodes: [...this.#draft.nodes.values()].toSorted((a, b) => compareIds(a.id, b.id)),
      services: this.#draft.conf.services.services.map((one) => this.#draft.service(one.name)),
    };
  }

  /** Whether a service that outdates others may be at work on a member. */
  get mayWork(): boolean {
    return this.#draft.mayWork;
  }

  /** Whether such a service has been at work since this was asked last. */
  takeWorked(): boolean {
    const { worked } = this.#draft;
    this.#draft.worked = false;
    return worked;
  }

  node(id: NodeId): NodeRecord {
    return this.#draft.node(id);
  }

  service(name: ServiceName): ServiceRecord | null {
    return this.#draft.services.get(name) ?? null;
  }

  get conf(): ClusterConf {
    return this.#draft.conf;
  }

  /** A configuration that is under way, and what became of the last one. */
  get change(): { readonly pending: ConfChange | null; readonly last: LastChange | null } {
    return { pending: this.#draft.change, last: this.#draft.lastChange };
  }

  /** A user has locked all services. */
  get locked(): boolean {
    return this.#draft.locked;
  }

  /** Services that are not to be checked. */
  frozen(): readonly ServiceName[] {
    return [...this.#draft.services.values()].filter((one) => one.frozen).map((one) => one.name);
  }

  /** The last decisions about a service that this node has seen, oldest first. */
  decisions(name: ServiceName): readonly Decision[] {
    return this.#draft.decisionsOf(name);
  }

  /** The node that sends ticks. */
  lowestReady(): NodeId | null {
    return this.#draft.readyNodes()[0] ?? null;
  }

  /** Table time at which a retry falls due, and the present table time. */
  wake(): { readonly atMs: number; readonly nowMs: number } | null {
    if (this.#draft.locked) return null;
    const due = [...this.#draft.index.waiting].map(
      (name) => this.#draft.service(name).retryAt ?? 0,
    );
    return due.length === 0 ? null : { atMs: Math.min(...due), nowMs: this.#draft.nowMs };
  }

  /** What a service that is not started, or busy, waits for; null: for nothing. */
  wait(name: ServiceName): ServiceWait | null {
    return waitOf(this.#draft, name);
  }

  /** The same in words. */
  waitingFor(name: ServiceName): string | null {
    return this.wait(name)?.text ?? null;
  }

  /** Every node, and whether it may run the service now. */
  verdicts(name: ServiceName): readonly NodeVerdict[] {
    return this.#draft.verdicts(name, []);
  }

  *#onMessage(message: ServiceMessage): TableWork {
    const draft = this.#draft;
    draft.nowMs = Math.max(draft.nowMs, message.at);
    switch (message.type) {
      case "ready":
        yield* onReady(draft, message);
        return;
      case "services-off":
        yield* evaluateAll(draft, yield* releaseVerified(draft, message));
        return;
      case "leaving":
        yield* onLeaving(draft, message);
        return;
      case "left":
        yield* onLeft(draft, message);
        return;
      case "op-result":
        onOpResult(draft, message);
        return;
      case "status-failed":
      case "part-failed":
        onStatusFailed(draft, message);
        return;
      case "request":
        onRequest(draft, message);
        return;
      case "lock":
        yield* onLock(draft, message);
        return;
      case "conf-propose":
        onProposal(draft, message);
        return;
      case "conf-vote":
        onVote(draft, message);
        return;
      case "init-done":
        onInitDone(draft, message);
        return;
      case "tick":
        yield* evaluateDue(draft);
        return;
      default:
        assertNever(message);
    }
  }
}
