/**
 * The replicated state on this node: its history, the fence domain and the service table.
 * Applies ordered messages; does not know rings, leases or what this node runs itself.
 * R1  Outputs of what was delivered after a transitional configuration are held until the next
 *     exchange has shown that this history goes on; a history that ends takes them with it.
 * R2  `ready` passes the fence domain first, which holds it while agents are at work.
 */
import { FenceDomain } from "../fencing/fence-domain.ts";
import type { FenceInput, FenceOutput } from "../fencing/fence-events.ts";
import { fenceSnapshot } from "../fencing/fence-messages.ts";
import type { NodeId, ServiceName } from "../model/ids.ts";
import { invariant } from "../model/outcome.ts";
import { ServiceTable, type TableInput, tableSnapshot } from "../services/service-table.ts";
import type { TableOutput } from "../services/table-draft.ts";
import type { History } from "../services/table-sync.ts";
import type { Configuration, Configurations } from "./configurations.ts";
import { extendDigest } from "./digest.ts";
import type { Envelope } from "./envelope.ts";
import type { NodeInput } from "./node-events.ts";

export type ReplicaOutput =
  | { readonly from: "table"; readonly output: TableOutput }
  | {
      readonly from: "fence";
      readonly output: Exclude<FenceOutput, { readonly type: "fenced" | "ready" }>;
    };

/** What a history is made of. */
export type Ordered = Exclude<Envelope, { readonly layer: "sync" | "quorum" }>;

export class Replica {
  readonly fence: FenceDomain;
  readonly #configurations: Configurations;
  /** That of this history; null: the one in force on this node. */
  #present: Configuration | null = null;
  #history: History | null = null;
  #table: ServiceTable | null = null;
  #holding = false;
  #outputs: ReplicaOutput[] = [];

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

  get table(): ServiceTable | null {
    return this.#table;
  }

  /** Services that a user has frozen. */
  get frozen(): readonly ServiceName[] {
    return this.#table?.frozen() ?? [];
  }

  /** A new history: nothing is known of anybody. */
  begin(ringSeq: number): void {
    this.fence.begin(ringSeq);
    const suspects = this.fence.snapshot().victims.map((victim) => victim.node);
    const { conf } = this.#configurations.settled;
    this.#table = ServiceTable.fresh(conf, suspects, (text) => this.#configurations.valuesOf(text));
    this.#history = { ringSeq, version: 0, digest: "" };
  }

  /** The history goes on in the ring `ringSeq`. */
  continue(history: History, ringSeq: number): void {
    this.#history = { ...history, ringSeq };
  }

  adopt(state: { readonly table: unknown; readonly fence: unknown }): void {
    const table = tableSnapshot(state.table);
    const fence = fenceSnapshot(state.fence);
    invariant(table !== null && fence !== null, "snapshot of another version");
    const { conf } = this.#configurations.settled;
    const read = (text: string) => this.#configurations.valuesOf(text);
    this.#table = ServiceTable.adopt(conf, table.value, read);
    invariant(this.#table !== null, "snapshot of another configuration");
    this.fence.adopt(fence.value);
  }

  /** Void: nothing is remembered. Returns whether there was a history. */
  end(): boolean {
    const known = this.#history !== null;
    this.#history = null;
    this.#present = null;
    this.#table = null;
    this.#holding = false;
    this.#outputs = [];
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

  /** One ordered message of this history. */
  apply(message: Ordered): void {
    invariant(this.#history !== null, "message applied without a history");
    const { ringSeq, version, digest } = this.#history;
    const text = JSON.stringify(message);
    this.#history = { ringSeq, version: version + 1, digest: extendDigest(digest, text) };
    if (message.layer === "fencing") {
      this.stepFence({ type: "message", message: message.body });
    } else if (message.body.type === "ready") {
      const { type, ...ready } = message.body;
      this.stepFence({ type, ready });
    } else {
      this.stepTable({ type: "message", message: message.body });
      if (message.body.type === "left") this.stepFence({ type: "left", node: message.body.node });
    }
  }

  stepTable(input: TableInput): void {
    for (const output of this.#table?.step(input) ?? []) {
      if (output.type === "switch") this.#present = output;
      this.#outputs.push({ from: "table", output });
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

  stepFence(input: FenceInput): void {
    for (const output of this.fence.step(input)) {
      if (output.type === "fenced") {
        const { node, text, at } = output;
        this.stepTable({ type: "fenced", node, text, atMs: at * 1000 });
      } else if (output.type === "ready") {
        const message = { type: "ready" as const, ...output.ready };
        this.stepTable({ type: "message", message });
      } else {
        this.#outputs.push({ from: "fence", output });
      }
    }
  }
}
