/**
 * The replicated state on this node: its history, the fence domain and the service table. Ordered
 * messages change it in the same way on every member. What this node has to do then is in its
 * outputs, which replica-performer.ts carries out.
 * Tested in: test/node/work-in-parts.test.ts
 * R1  Outputs of messages that are delivered after a transitional configuration are held until the
 *     next exchange has shown that this history goes on. If it ends they are dropped.
 * R2  `ready` passes the fence domain first, which holds it while a member fences the node.
 * R3  Ordered messages are applied one after the other, each completely: one that is delivered
 *     before the end of another one waits. Whatever else looks at the replicated state finishes
 *     them first, so that it finds the same on every node, in however many parts they are applied.
 */

import { FenceDomain } from "../fencing/fence-domain.ts";
import type { FenceInput, FenceOutput } from "../fencing/fence-events.ts";
import { fenceSnapshot } from "../fencing/fence-messages.ts";
import { nodesNamedIn } from "../fencing/victim-register.ts";
import type { ClusterConf } from "../model/conf.ts";
import { extendDigest } from "../model/fnv.ts";
import type { NodeId, ServiceName } from "../model/ids.ts";
import { invariant } from "../model/outcome.ts";
import { readOrNull } from "../model/shape.ts";
import { ServiceTable } from "../services/table/service-table.ts";
import { isProgress, type TableInput, type TableOutput } from "../services/table/table-events.ts";
import { tableSnapshot } from "../services/table/table-snapshot.ts";
import type { TableWork } from "../services/table/table-state.ts";
import { freshHistory, type History } from "../services/table/table-sync.ts";
import type { ConfVersion, ConfVersions } from "./conf-versions.ts";
import type { Envelope, NodeInput } from "./node-events.ts";

export type ReplicaOutput =
  | { readonly from: "table"; readonly output: TableOutput }
  | {
      readonly from: "fence";
      readonly output: Exclude<FenceOutput, { readonly type: "fenced" | "ready" }>;
    };

/** The ordered messages that make up a history. */
export type HistoryMessage = Exclude<Envelope, { readonly layer: "sync" | "quorum" }>;

/** The work of a decision, where a look at a service that stays as it is counts 1. */
const changeWork = 8;

/** Messages that may wait for one that takes long; one rotation of the token brings fewer. */
const waitingMax = 1024;

export class Replica {
  readonly fence: FenceDomain;
  readonly #confVersions: ConfVersions;
  /** The conf that this history has come to; null: the one in force on this node. */
  #historyConf: ConfVersion | null = null;
  #history: History | null = null;
  #table: ServiceTable | null = null;
  #holding = false;
  #outputs: ReplicaOutput[] = [];
  /** How many outputs there were from which something follows. */
  #decided = 0;
  /** The rest of the work on the message that is being applied. */
  #work: TableWork | null = null;
  /** Messages that were ordered after it (R3). */
  #waiting: HistoryMessage[] = [];

  constructor(confVersions: ConfVersions, self: NodeId) {
    this.#confVersions = confVersions;
    this.fence = new FenceDomain(confVersions.inForce.conf, self);
  }

  /** The conf that this history has come to, or in which a new one would begin. */
  get conf(): ConfVersion {
    return this.#historyConf ?? this.#confVersions.inForce;
  }

  get history(): History | null {
    return this.#history;
  }

  /** The history as this node reports it in an exchange: a service may be running just now. */
  get reportedHistory(): History | null {
    if (this.#history === null || this.#table?.mayWork !== true) return this.#history;
    return { ...this.#history, workedIn: this.#history.ringSeq };
  }

  get table(): ServiceTable | null {
    return this.#table;
  }

  /** Services that a user has frozen. */
  get frozen(): readonly ServiceName[] {
    return this.#table?.frozen() ?? [];
  }

  /** A new history begins. All that is known is in which ring services last ran. */
  begin(ringSeq: number, workedIn: number | null): void {
    this.fence.begin(ringSeq);
    const suspects = this.fence.snapshot().victims.map((victim) => victim.node);
    const { conf } = this.#confVersions.inForce;
    this.#table = ServiceTable.fresh(conf, suspects, (text) => this.#confVersions.valuesOf(text));
    this.#history = freshHistory(ringSeq, workedIn);
  }

  /** The history goes on in the ring `ringSeq`. */
  continue(history: History, ringSeq: number): void {
    this.#history = { ...history, ringSeq };
  }

  /** Adopts the state of a snapshot; false, and no change, if it cannot be one of this conf. */
  adopt(state: { readonly table: unknown; readonly fence: unknown }): boolean {
    const table = readOrNull(tableSnapshot, state.table);
    const fence = readOrNull(fenceSnapshot, state.fence);
    if (table === null || fence === null) return false;
    const { conf } = this.#confVersions.inForce;
    const read = (text: string) => this.#confVersions.valuesOf(text);
    const adopted = ServiceTable.adopt(conf, table, read);
    const configured = new Set(conf.nodes.map(({ id }) => id));
    const known = nodesNamedIn(fence).every((node) => configured.has(node));
    if (adopted === null || !known) return false;
    this.fence.adopt(fence);
    this.#table = adopted;
    return true;
  }

  /** Forgets the history and all that belongs to it. Returns whether there was one. */
  end(): boolean {
    const known = this.#history !== null;
    this.#history = null;
    this.#historyConf = null;
    this.#table = null;
    this.#holding = false;
    this.#outputs = [];
    this.#work = null;
    this.#waiting = [];
    return known;
  }

  /** A transitional configuration has come (R1). */
  hold(): void {
    this.#holding = true;
  }

  /** This history goes on. */
  release(): void {
    this.#holding = false;
  }

  /** The outputs since the last call, in order; none while they are held. */
  take(): readonly ReplicaOutput[] {
    if (this.#holding) return [];
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  /** A message of this history was delivered. It is applied by `goOn`. */
  apply(message: HistoryMessage): void {
    invariant(this.#history !== null, "message applied without a history");
    const { version, digest } = this.#history;
    const extended = extendDigest(digest, JSON.stringify(message));
    this.#history = { ...this.#history, version: version + 1, digest: extended };
    this.#waiting.push(message);
  }

  /** Whether there are messages that are not applied completely. */
  get busy(): boolean {
    return this.#work !== null || this.#waiting.length > 0;
  }

  /** So many messages wait that they are to be applied now. */
  get crowded(): boolean {
    return this.#waiting.length >= waitingMax;
  }

  /**
   * Goes on with one message, for about so much work, and returns how much it was: 1 for each
   * message or service that was looked at, `changeWork` where that had an output.
   */
  goOn(workMax: number): number {
    if (this.#work === null) {
      const message = this.#waiting.shift();
      if (message === undefined) return 0;
      this.#work = this.#applied(message);
    }
    for (let done = 0; ; ) {
      const before = this.#decided;
      const ended = this.#work.next().done === true;
      done += this.#decided > before ? changeWork : 1;
      if (ended) this.#work = null;
      if (this.#work === null || done >= workMax) return done;
    }
  }

  *#applied(message: HistoryMessage): TableWork {
    if (message.layer === "fencing") {
      yield* this.#fenceSteps({ type: "message", message: message.body });
    } else if (message.body.type === "ready") {
      const { type, ...ready } = message.body;
      yield* this.#fenceSteps({ type, ready });
    } else if (message.body.type === "services-off" && this.#readyWaits(message.body.node)) {
      return;
    } else {
      yield* this.#tableSteps({ type: "message", message: message.body });
      const { type } = message.body;
      if (type === "left") yield* this.#fenceSteps({ type, node: message.body.node });
    }
  }

  /** The history goes on in a new configuration. What moved members ran before is not known. */
  setMembership(
    fence: Omit<Extract<FenceInput, { readonly type: "membership" }>, "type">,
    table: Omit<Extract<TableInput, { readonly type: "membership" }>, "type" | "moved">,
  ): void {
    this.stepFence({ type: "membership", ...fence });
    const victims = this.fence.view.victims.filter(({ moved }) => moved);
    this.stepTable({ type: "membership", ...table, moved: victims.map(({ node }) => node) });
  }

  stepTable(input: TableInput): void {
    this.#complete(this.#tableSteps(input));
  }

  /** Like `ready`, it would have to wait for the node's devices or its former machine. */
  #readyWaits(node: NodeId): boolean {
    const victim = this.fence.view.victims.find((one) => one.node === node);
    return victim !== undefined && (victim.by !== null || victim.moved);
  }

  /**
   * Another conf is in force on this node. It may be amid what is ordered: the fence domain acts on
   * its devices, and changes nothing that is replicated.
   */
  useConf(conf: ClusterConf): void {
    for (const output of this.fence.step({ type: "conf", conf })) {
      invariant(output.type !== "fenced" && output.type !== "ready", "a conf proves no end");
      this.#outputs.push({ from: "fence", output });
    }
  }

  stepFence(input: FenceInput): void {
    this.#complete(this.#fenceSteps(input));
  }

  /** Does the work at once. */
  #complete(work: TableWork): void {
    invariant(!this.busy, "R3: the state is used before the end of what is ordered");
    while (work.next().done !== true);
  }

  *#tableSteps(input: TableInput): TableWork {
    for (const outputs of this.#table?.steps(input) ?? []) {
      for (const output of outputs) {
        if (output.type === "switch") this.#historyConf = output;
        if (!isProgress(output)) this.#decided += 1;
        this.#outputs.push({ from: "table", output });
      }
      yield;
    }
    const history = this.#history;
    if (this.#table?.takeWorked() !== true || history === null) return;
    this.#history = { ...history, workedIn: history.ringSeq };
  }

  *#fenceSteps(input: FenceInput): TableWork {
    for (const output of this.fence.step(input)) {
      if (output.type === "fenced") {
        const { type, node, how, verified, at } = output;
        yield* this.#tableSteps({ type, node, how, verified, atMs: at * 1000 });
      } else if (output.type === "ready") {
        const message = { type: "ready" as const, ...output.ready };
        yield* this.#tableSteps({ type: "message", message });
      } else {
        this.#decided += 1;
        this.#outputs.push({ from: "fence", output });
      }
    }
  }

  onFenceTimer(timer: `fence-${number}`, wallSeconds: number): void {
    const { nodes } = this.#confVersions.inForce.conf;
    const node = nodes.find((one) => `fence-${one.id}` === timer);
    invariant(node !== undefined, `timer ${timer} of an unknown node`);
    this.stepFence({ type: "timer", node: node.id, wallSeconds });
  }

  onVerdict(verdict: Extract<NodeInput, { readonly type: "fence-verdict" }>, at: number): void {
    this.stepFence({ ...verdict, type: "verdict", wallSeconds: at });
  }
}
