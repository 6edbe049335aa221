/**
 * Detects a node that gets the token but not the messages: this node, or another one.
 * It uses no clock; its caller calls `observe` at a constant interval.
 * Source: corosync exec/totemsrp.c (fail_to_recv_const) for the symptom.
 * Deviation: it measures time, not visits; the deaf node leaves by itself, and the others exclude
 * it only if it does not.
 * Tested in: test/membership/state-table.test.ts, test/membership/totem-paper.test.ts
 */
import type { NodeId } from "../model/ids.ts";

/** With fewer visits nothing is proven: the ring may not have had time to retransmit. */
const visitsMin = 50;

type Reception = {
  readonly self: NodeId;
  readonly aru: number;
  /** The seq and aru of the last token, and the node that holds the aru down. */
  readonly tokenSeq: number;
  readonly tokenAru: number;
  readonly aruNode: NodeId | null;
  /** Tokens accepted so far. */
  readonly visits: number;
};

export type Deafness =
  | { readonly type: "hearing" }
  | { readonly type: "deaf" }
  /** This node hears its own ring, but keeps another ring from merging with it. */
  | { readonly type: "in-between" }
  | { readonly type: "other-deaf"; readonly node: NodeId };

export class ReceiveWatch {
  readonly #limitMs: number;
  readonly #periodMs: number;
  #own: { readonly aru: number; readonly visits: number; ms: number } | null = null;
  #ring: { readonly aru: number; readonly node: NodeId; ms: number } | null = null;

  /** `periodMs` is the interval at which `observe` will be called. */
  constructor(limitMs: number, periodMs: number) {
    this.#limitMs = limitMs;
    this.#periodMs = periodMs;
  }

  observe(now: Reception): Deafness {
    if (this.#ownIsStuck(now)) return { type: "deaf" };
    const node = this.#stuckNode(now);
    return node === null ? { type: "hearing" } : { type: "other-deaf", node };
  }

  #ownIsStuck(now: Reception): boolean {
    if (now.aru >= now.tokenSeq) {
      this.#own = null;
      return false;
    }
    if (this.#own === null || this.#own.aru !== now.aru) {
      this.#own = { aru: now.aru, visits: now.visits, ms: 0 };
      return false;
    }
    this.#own.ms += this.#periodMs;
    return this.#own.ms >= this.#limitMs && now.visits - this.#own.visits >= visitsMin;
  }

  /** The limit is doubled here, so that a node that detects its own deafness leaves first. */
  #stuckNode(now: Reception): NodeId | null {
    const { aruNode } = now;
    if (aruNode === null || aruNode === now.self || now.tokenAru >= now.tokenSeq) {
      this.#ring = null;
      return null;
    }
    if (this.#ring?.aru !== now.tokenAru || this.#ring.node !== aruNode) {
      this.#ring = { aru: now.tokenAru, node: aruNode, ms: 0 };
      return null;
    }
    this.#ring.ms += this.#periodMs;
    return this.#ring.ms >= 2 * this.#limitMs ? aruNode : null;
  }
}
