/**
 * Whether more than one process uses a node's id: a cloned machine, or a second one with the same
 * configuration. Knows the lives of one node and when each was heard; does not know frames, keys
 * or clocks.
 * Source: none; ISO/IEC 9798-2 for what counts as proof that a process is alive.
 * Tested in: test/io/seal-contests.test.ts
 * CONTEST1  A life that was replaced is no rival because of what was still on its way: only frames
 *     that begin a second after the replacement and go on for half a second count, or its answer to
 *     a challenge of the present.
 * CONTEST2  While two lives are heard neither is accepted, so neither can have a lease. It ends
 *     when all but one have been silent for the safe wait: whatever lease they had is over by then.
 *
 *   sole ──another life is heard too──► contested ──all but one silent──► sole, to prove itself
 */
import type { Ms } from "../../model/time.ts";

/** Later than anything that a network delays, and than what waits in a busy machine's socket. */
const graceMs = 1000;
/** A living process is heard for longer than this; its last frames come in one burst. */
const spanMs = 500;
/** More than two is an operator who copies machines; the ones heard of first are forgotten. */
const rivalsMax = 8;

/** What a contest knows of one life; the caller adds what it needs. */
export type ContestedLife = {
  /** When an authentic frame of it came that had not been seen before. */
  heardAtMs: number;
  /** The first such frame since another life replaced it, after the grace. */
  againAtMs: number | null;
};

export class LifeContest<Life extends ContestedLife> {
  readonly #silentMs: number;
  readonly #rivals = new Set<Life>();
  #accepted: Life | null = null;
  #acceptedAtMs = 0;
  #contested = false;

  /** `silentMs`: the safe wait. */
  constructor(silentMs: Ms) {
    this.#silentMs = silentMs;
  }

  get accepted(): Life | null {
    return this.#accepted;
  }

  /** Other lives of which frames were accepted or answered. */
  get rivals(): Iterable<Life> {
    return this.#rivals;
  }

  /** From here on frames of this life are those of the node. */
  accept(life: Life, nowMs: number): void {
    for (const rival of this.#rivals) rival.againAtMs = null;
    if (this.#accepted !== null) this.#remember(this.#accepted);
    this.#rivals.delete(life);
    life.heardAtMs = nowMs;
    this.#accepted = life;
    this.#acceptedAtMs = nowMs;
  }

  /** A frame that had not been seen before, of any life that is authentic. */
  heard(life: Life, nowMs: number): void {
    life.heardAtMs = nowMs;
    if (this.#contested || !this.#rivals.has(life)) return;
    if (nowMs - this.#acceptedAtMs < graceMs) return;
    life.againAtMs ??= nowMs;
    if (nowMs - life.againAtMs >= spanMs) this.#contested = true;
  }

  /**
   * The life has answered a challenge: it is alive. May it be accepted? A later one may at any time
   * unless the id is contested, another one only when the accepted life is silent.
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

  /** CONTEST2. At the end of the contest nobody is accepted; whoever is left may prove itself. */
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
