/**
 * The replicated state on this node: its history, the fence domain and the service table.
 * Applies ordered messages; does not know rings, leases or what this node runs itself.
 * Tested in: test/node/work-in-parts.test.ts
 * R1  Outputs of what was delivered after a transitional configuration are held until the next
 *     exchange has shown that this history goes on; a history that ends takes them with it.
 * R2  `ready` passes the fence domain first, which holds it while agents are at work.
 * R3  Ordered messages are applied one after the other, each completely: one that comes before the
 *     end of another waits. Whatever else looks at the replicated state finishes them first, so
 *     that it finds the same on every node, in however many parts they are done.
 */

import { FenceDomain } from "../fencing/fence-domain.ts";
import type { FenceInput, FenceOutput } from "../fencing/fence-events.ts";
import { fenceSnapshot } from "../fencing/fence-messages.ts";
import { nodesNamedIn } from "../fencing/victim-register.ts";
import { extendDigest } from "../model/fnv.ts";
import type { NodeId, ServiceName } from "../model/ids.ts";
import { invariant } from "../model/outcome.ts";
import { fitting } from "../model/shape.ts";
import { ServiceTable } from "../services/table/service-table.ts";
import type { TableInput, TableOutput } from "../services/table/table-events.ts";
import { tableSnapshot } from "../services/table/table-snapshot.ts";
import type { TableWork } from "../services/table/table-state.ts";
import { freshHistory, type History } from "../services/table/table-sync.ts";
import type { Configuration, Configurations } from "./configurations.ts";
import type { Envelope, NodeInput } from "./node-events.ts";

export type ReplicaOutput =
  | { readonly from: "table"; readonly output: TableOutput }
  | {
      readonly from: "fence";
      readonly output: Exclude<FenceOutput, { readonly type: "fenced" | "ready" }>;
    };

/** What a history is made of. */
export type Ordered = Exclude<Envelope, { readonly layer: "sync" | "quorum" }>;

/** What a decision costs, in terms of a look at a service that stays as it is. */
const changeWork = 8;

/** Messages that may wait for one that takes long; a rotation of the token brings fewer. */
const waitingMax = 1024;

export class Replica {
  readonly fence: FenceDomain;
  readonly #configurations: Configurations;
  /** That of this history; null: the one in force on this node. */
  #present: Configuration | null = null;
  #history: History | null = null;
  #table: ServiceTable | null = null;
  #holding = false;
  #outputs: ReplicaOutput[] = [];
  /** Of the message that is being applied. */
  #work: TableWork | null = null;
  /** Ordered after it (R3). */
  #waiting: Ordered[] = [];

  constructor(configurations: Configurations, self: NodeId) {
    this.#configurations = configurations;
    this.fence = new FenceDomain(configurations.settled.conf, self);
  }

  /** The configuration that this history has come to, or in which one would begin. */
  get configuration(): Configuration {
    return this.#present ?? this.#configurations.settled;
  }

  get history(): History | null {
    return this.#history;
  }

  /** The history as this node tells of it: a service may be at work just now. */
  get testimony(): History | null {
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

  /** A new history: nothing is known of anybody, but in which ring services were last at work. */
  begin(ringSeq: number, workedIn: number | null): void {
    this.fence.begin(ringSeq);
    const suspects = this.fence.snapshot().victims.map((victim) => victim.node);
    const { conf } = this.#configurations.settled;
    this.#table = ServiceTable.fresh(conf, suspects, (text) => this.#configurations.valuesOf(text));
    this.#history = freshHistory(ringSeq, workedIn);
  }

  /** The history goes on in the ring `ringSeq`. */
  continue(history: History, ringSeq: number): void {
    this.#history = { ...history, ringSeq };
  }

  /** False, and nothing is adopted, when the state cannot be one of this configuration. */
  adopt(state: { readonly table: unknown; readonly fence: unknown }): boolean {
    const table = fitting(tableSnapshot, state.table);
    const fence = fitting(fenceSnapshot, state.fence);
    if (table === null || fence === null) return false;
    const { conf } = this.#configurations.settled;
    const read = (text: string) => this.#configurations.valuesOf(text);
    const adopted = ServiceTable.adopt(conf, table, read);
    const configured = new Set(conf.nodes.map(({ id }) => id));
    const known = nodesNamedIn(fence).every((node) => configured.has(node));
    if (adopted === null || !known) return false;
    this.fence.adopt(fence);
    this.#table = adopted;
    return true;
  }

  /** Void: nothing is remembered. Returns whether there was a history. */
  end(): boolean {
    const known = this.#history !== null;
    this.#history = null;
    this.#present = null;
    this.#table = null;
    this.#holding = false;
    this.#outputs = [];
    this.#work = null;
    this.#waiting = [];
    return known;
  }

  hold(): void {
    this.#holding = true;
  }

  release(): void {
    this.#holding = false;
  }

  /** What is to be done now, in order; nothing while it is held. */
  take(): readonly ReplicaOutput[] {
    if (this.#holding) return [];
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  /** One ordered message of this history. What it does comes with `goOn`. */
  apply(message: Ordered): void {
    invariant(this.#history !== null, "message applied without a history");
    const { version, digest } = this.#history;
    const extended = extendDigest(digest, JSON.stringify(message));
    this.#history = { ...this.#history, version: version + 1, digest: extended };
    this.#waiting.push(message);
  }

  /** Whether messages are not applied completely. */
  get busy(): boolean {
    return this.#work !== null || this.#waiting.length > 0;
  }

  /** More would be too many: they are to be applied now. */
  get crowded(): boolean {
    return this.#waiting.length >= waitingMax;
  }

  /**
   * Goes on with one message, for about so much work, and says how much it was: 1 for a service
   * that was looked at, or a message, `changeWork` for one of which something was said.
   */
  goOn(workMax: number): number {
    if (this.#work === null) {
      const message = this.#waiting.shift();
      if (message === undefined) return 0;
      this.#work = this.#applied(message);
    }
    for (let done = 0; ; ) {
      const said = this.#outputs.length;
      const ended = this.#work.next().done === true;
      done += this.#outputs.length > said ? changeWork : 1;
      if (ended) this.#work = null;
      if (this.#work === null || done >= workMax) return done;
    }
  }

  *#applied(message: Ordered): TableWork {
    if (message.layer === "fencing") {
      yield* this.#fenceSteps({ type: "message", message: message.body });
    } else if (message.body.type === "ready") {
      const { type, ...ready } = message.body;
      yield* this.#fenceSteps({ type, ready });
    } else if (message.body.type === "services-off" && this.#holds(message.body.node)) {
      return;
    } else {
      yield* this.#tableSteps({ type: "message", message: message.body });
      const { type } = message.body;
      if (type === "left") yield* this.#fenceSteps({ type, node: message.body.node });
    }
  }

  /** A new configuration of a history that goes on; what moved members ran is not known. */
  view(
    fence: Omit<Extract<FenceInput, { readonly type: "view" }>, "type">,
    table: Omit<Extract<TableInput, { readonly type: "view" }>, "type" | "moved">,
  ): void {
    this.stepFence({ type: "view", ...fence });
    const victims = this.fence.view.victims.filter(({ moved }) => moved);
    this.stepTable({ type: "view", ...table, moved: victims.map(({ node }) => node) });
  }

  /** At once. */
  stepTable(input: TableInput): void {
    this.#complete(this.#tableSteps(input));
  }

  /** Its word waits for its devices, or for its other machine; its `ready` settles it. */
  #holds(node: NodeId): boolean {
    const victim = this.fence.view.victims.find((one) => one.node === node);
    return victim !== undefined && (victim.by !== null || victim.moved);
  }

  /** At once. */
  stepFence(input: FenceInput): void {
    this.#complete(this.#fenceSteps(input));
  }

  #complete(work: TableWork): void {
    invariant(!this.busy, "R3: the state is used before the end of what is ordered");
    while (work.next().done !== true);
  }

  *#tableSteps(input: TableInput): TableWork {
    for (const outputs of this.#table?.steps(input) ?? []) {
      for (const output of outputs) {
        if (output.type === "switch") this.#present = output;
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
        const { node, text, at } = output;
        yield* this.#tableSteps({ type: "fenced", node, text, atMs: at * 1000 });
      } else if (output.type === "ready") {
        const message = { type: "ready" as const, ...output.ready };
        yield* this.#tableSteps({ type: "message", message });
      } else {
        this.#outputs.push({ from: "fence", output });
      }
    }
  }

  onFenceTimer(timer: `fence-${number}`, wallSeconds: number): void {
    const { nodes } = this.#configurations.settled.conf;
    const node = nodes.find((one) => `fence-${one.id}` === timer);
    invariant(node !== undefined, `timer ${timer} of an unknown node`);
    this.stepFence({ type: "timer", node: node.id, wallSeconds });
  }

  onVerdict(verdict: Extract<NodeInput, { readonly type: "fence-verdict" }>, at: number): void {
    this.stepFence({ ...verdict, type: "verdict", wallSeconds: at });
  }
}
