/**
 * Unfencing: before this node hosts services, the devices of its `<unfence>` are told to let it in
 * again.
 * Source: fenced(8); cman init.d/cman.in: unfence_self; fence_node(8).
 * Deviation: clusterd does it by itself when quorate, and again after each loss of quorum.
 * UNFENCE1  A node with devices of `<unfence>` hosts no services before all of them have let it in.
 * UNFENCE2  Nothing is unfenced without quorum: the other nodes may have cut this node off for a
 *     good reason.
 *
 *   idle ──quorate──► running ──success──► done
 *     ▲                  └─failure─► pausing ──timer──► idle
 *     └──history ended── every state
 */
import type { ClusterConf } from "../model/conf.ts";
import type { NodeId } from "../model/ids.ts";
import { ms } from "../model/time.ts";
import type { NodeInput } from "./node-events.ts";
import type { Outbox } from "./outbox.ts";

const pauseMaxMs = 60_000;

export class Unfencing {
  readonly #outbox: Outbox;
  readonly #self: NodeId;
  #needed: boolean;
  #pauseMs: number;
  #state: "idle" | "running" | "pausing" | "done" = "idle";
  #run = 0;
  #failures = 0;
  #lastText = "";

  constructor(conf: ClusterConf, self: NodeId, outbox: Outbox) {
    this.#outbox = outbox;
    this.#self = self;
    this.#needed = needsUnfencing(conf, self);
    this.#pauseMs = conf.fencing.overrideTimeMs;
  }

  /**
   * Another conf is in force. `present`: this node took part when it came into force, so devices
   * that are new have not cut it off, and count from the next time on.
   */
  useConf(conf: ClusterConf, present: boolean): void {
    if (present && !this.#needed) this.#state = "done";
    this.#needed = needsUnfencing(conf, this.#self);
    this.#pauseMs = conf.fencing.overrideTimeMs;
  }

  /** Whether services may be hosted (UNFENCE1). */
  get done(): boolean {
    return !this.#needed || this.#state === "done";
  }

  /** Why services wait, in words; null: they do not. */
  get describe(): string | null {
    if (this.done) return null;
    return this.#failures === 0 ? "is unfenced first" : `unfencing failed: ${this.#lastText}`;
  }

  /** After each step: begins where it is needed. The end of a history makes it needed again. */
  adjust({ active, remembers }: { readonly active: boolean; readonly remembers: boolean }): void {
    if (!this.#needed) return;
    if (!remembers) {
      if (this.#state === "pausing") this.#outbox.emit({ type: "disarm", timer: "unfence" });
      this.#state = "idle";
      return;
    }
    if (!active || this.#state !== "idle") return;
    this.#state = "running";
    this.#run += 1;
    this.#outbox.emit({ type: "unfence", run: this.#run });
  }

  onVerdict({
    run,
    outcome,
    text,
  }: Extract<NodeInput, { readonly type: "unfence-verdict" }>): void {
    if (run !== this.#run || this.#state !== "running") return;
    if (outcome === "success") {
      this.#state = "done";
      this.#failures = 0;
      this.#outbox.notice("fencing", "notice", `this node is unfenced: ${text}`);
      return;
    }
    this.#state = "pausing";
    this.#failures += 1;
    this.#lastText = text;
    const afterMs = ms(Math.min(this.#pauseMs * 2 ** (this.#failures - 1), pauseMaxMs));
    this.#outbox.emit({ type: "arm", timer: "unfence", afterMs });
    const what = `unfencing of this node failed: ${text}`;
    const then = `no service starts here before it succeeds; next try in ${afterMs / 1000} s`;
    this.#outbox.notice("fencing", "err", `${what}; ${then}`);
  }

  onTimer(): void {
    if (this.#state === "pausing") this.#state = "idle";
  }
}

function needsUnfencing({ nodes }: ClusterConf, self: NodeId): boolean {
  return nodes.some(({ id, unfence }) => id === self && unfence.length > 0);
}
