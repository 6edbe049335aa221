/**
 * What the seal does for a ring, on virtual frames: of which life of each node frames are let in.
 * The decisions are the real ones (io/frames/life-contest.ts); the caller says whether a life
 * answers a challenge.
 */
import { type ContestedLife, LifeContest } from "../../src/io/frames/life-contest.ts";
import type { NodeId } from "../../src/model/ids.ts";
import { ms } from "../../src/model/time.ts";

type Life = ContestedLife & { readonly incarnation: number; highest: number };

export type Arrival = {
  readonly from: NodeId;
  readonly incarnation: number;
  /** Grows with every frame of a life. */
  readonly number: number;
  readonly nowMs: number;
};

type Taken = {
  readonly opened: boolean;
  /** The contest of its id began or ended. */
  readonly news: boolean;
  /** From now on it is this life. */
  readonly accepted: boolean;
};

export class LifeFilter {
  readonly #contests = new Map<NodeId, { readonly contest: LifeContest<Life>; was: boolean }>();
  readonly #safeWaitMs: number;

  constructor(safeWaitMs: number) {
    this.#safeWaitMs = safeWaitMs;
  }

  /** `answers`: the sender is alive and hears us. */
  take(frame: Arrival, answers: () => boolean): Taken {
    const { from, incarnation, number, nowMs } = frame;
    const known = this.#contests.get(from) ?? {
      contest: new LifeContest<Life>(ms(this.#safeWaitMs)),
      was: false,
    };
    this.#contests.set(from, known);
    const { contest } = known;
    // A contest that is over forgets whom it was about.
    contest.contested(nowMs);
    const { accepted } = contest;
    const all = [...(accepted === null ? [] : [accepted]), ...contest.rivals];
    const life = all.find((one) => one.incarnation === incarnation) ?? {
      ...{ incarnation, highest: 0, heardAtMs: 0, againAtMs: null },
    };
    if (number > life.highest) {
      life.highest = number;
      contest.heard(life, nowMs);
    }
    if (contest.accepted !== life && answers()) {
      const later = accepted === null || incarnation > accepted.incarnation;
      const verdict = contest.answered(life, later, nowMs);
      if (verdict === "accept") contest.accept(life, nowMs);
    }
    const contested = contest.contested(nowMs);
    const news = contested !== known.was;
    known.was = contested;
    const now = contest.accepted === life;
    return { opened: !contested && now, news, accepted: now && accepted !== life };
  }

  contested(): readonly NodeId[] {
    return [...this.#contests].filter(([, { was }]) => was).map(([node]) => node);
  }
}
