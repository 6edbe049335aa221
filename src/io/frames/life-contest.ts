/**
 * Detects that more than one process uses a node's id: on a cloned machine, or on a second one with
 * the same conf.
 * Source: none; ISO/IEC 9798-2 for what counts as proof that a process is alive.
 * Tested in: test/io/seal-contests.test.ts
 * CONTEST1  Late frames of a replaced life do not make the id contested. It is contested if frames
 *     of that life arrive for half a second, beginning a second after the replacement, or if that
 *     life answers a present challenge.
 * CONTEST2  While the id is contested, frames of no life are let in, so none can have a lease. The
 *     contest ends when all lives but one have been silent for the safe wait: then their leases
 *     have ended.
 *
 *   sole ──another life is heard too──► contested ──all but one silent──► sole, to prove itself
 */
import type { Ms } from "../../model/time.ts";

/** Longer than frames are delayed by the network, or wait in the socket of a busy machine. */
const graceMs = 1000;
/** A living process is heard for longer than this; the last frames of a dead one arrive at once. */
const spanMs = 500;
/** The most rivals that are kept; beyond that, the oldest is forgotten. */
const rivalsMax = 8;

/** What the contest needs to know of a life; the caller's type may have more fields. */
export type ContestedLife = {
  /** When the last authentic frame arrived that was not seen before. */
  heardAtMs: number;
  /** When the first such frame arrived after another life replaced it and the grace had passed. */
  againAtMs: number | null;
};

export class LifeContest<Life extends ContestedLife> {
  readonly #silentMs: number;
  readonly #rivals = new Set<Life>();
  #accepted: Life | null = null;
  #acceptedAtMs = 0;
  #contested = false;

  /** `silentMs` is the safe wait. */
  constructor(silentMs: Ms) {
    this.#silentMs = silentMs;
  }

  get accepted(): Life | null {
    return this.#accepted;
  }

  /** Lives that were accepted earlier, and others that have answered a challenge. */
  get rivals(): Iterable<Life> {
    return this.#rivals;
  }

  /** When a life other than the accepted one was last heard; null: none is remembered. */
  get formerAtMs(): number | null {
    const heard = [...this.#rivals].map(({ heardAtMs }) => heardAtMs);
    return heard.length === 0 ? null : Math.max(...heard);
  }

  /** Accepts the life: from now on its frames are those of the node. */
  accept(life: Life, nowMs: number): void {
    for (const rival of this.#rivals) rival.againAtMs = null;
    if (this.#accepted !== null) this.#remember(this.#accepted);
    this.#rivals.delete(life);
    life.heardAtMs = nowMs;
    this.#accepted = life;
    this.#acceptedAtMs = nowMs;
  }

  /** An authentic frame of the life arrived that was not seen before. */
  heard(life: Life, nowMs: number): void {
    life.heardAtMs = nowMs;
    if (this.#contested || !this.#rivals.has(life)) return;
    if (nowMs - this.#acceptedAtMs < graceMs) return;
    life.againAtMs ??= nowMs;
    if (nowMs - life.againAtMs >= spanMs) this.#contested = true;
  }

  /**
   * The life has answered a challenge, so it is alive; returns whether it may be accepted. It may
   * not while the id is contested, and an earlier life may only if the accepted one is silent.
   */
  answered(life: Life, later: boolean, nowMs: number): "accept" | "contested" {
    life.heardAtMs = nowMs;
    const accepted = this.#accepted;
    const alone = accepted === null || (!later && !this.#alive(accepted, nowMs));
    if (!this.contested(nowMs) && (later || alone)) return "accept";
    this.#remember(life);
    this.#contested = true;
    return "contested";
  }

  /**
   * Whether the id is contested (CONTEST2). When the contest ends, no life is accepted: the
   * remaining one must prove itself again.
   */
  contested(nowMs: number): boolean {
    if (!this.#contested) return false;
    const lives = this.#accepted === null ? [] : [this.#accepted];
    const alive = [...lives, ...this.#rivals].filter((life) => this.#alive(life, nowMs));
    if (alive.length > 1) return true;
    this.#contested = false;
    this.#accepted = null;
    this.#rivals.clear();
    return false;
  }

  #alive(life: Life, nowMs: number): boolean {
    return nowMs - life.heardAtMs < this.#silentMs;
  }

  #remember(life: Life): void {
    this.#rivals.add(life);
    const [first] = this.#rivals;
    if (this.#rivals.size > rivalsMax && first !== undefined) this.#rivals.delete(first);
  }
}
