/**
 * What became of numbered messages: compares those that were acknowledged with those that arrived.
 * Knows no network; who sends and who receives may be different processes.
 */

/** One message of a run; only its application properties say so. */
export type Numbered = { readonly run: string; readonly id: number };

export type Verdict = {
  readonly received: number;
  /** Arrivals of a message that had arrived before. */
  readonly duplicated: number;
  /** Messages whose first arrival came after that of a later one of the same run. */
  readonly reordered: number;
  /** Acknowledged, but not arrived. */
  readonly lost: number;
  /** Some of the lost ones, for whoever has to find out why. */
  readonly lostIds: readonly number[];
};

const lostIdsMax = 20;

type Arrived = { readonly ids: Set<number>; highest: number };

export class ArrivalRecord {
  readonly #runs = new Map<string, Arrived>();
  #received = 0;
  #reordered = 0;
  #distinct = 0;

  get received(): number {
    return this.#received;
  }

  has({ run, id }: Numbered): boolean {
    return this.#runs.get(run)?.ids.has(id) ?? false;
  }

  note({ run, id }: Numbered): void {
    const arrived = this.#runs.get(run) ?? { ids: new Set<number>(), highest: 0 };
    this.#runs.set(run, arrived);
    this.#received += 1;
    if (arrived.ids.has(id)) return;
    arrived.ids.add(id);
    this.#distinct += 1;
    if (id < arrived.highest) this.#reordered += 1;
    arrived.highest = Math.max(arrived.highest, id);
  }

  judge(acknowledged: readonly Numbered[]): Verdict {
    const lost = acknowledged.filter((message) => !this.has(message));
    return {
      received: this.#received,
      duplicated: this.#received - this.#distinct,
      reordered: this.#reordered,
      lost: lost.length,
      lostIds: lost.slice(0, lostIdsMax).map(({ id }) => id),
    };
  }
}

/** A line of a ledger: `RUN ID`, written when the message was acknowledged. */
export function formatNumbered({ run, id }: Numbered): string {
  return `${run} ${id}\n`;
}

/** The complete lines of a ledger; the death of its writer may have cut off the last one. */
export function parseLedger(text: string): readonly Numbered[] {
  return text.split("\n").flatMap((line, index, lines) => {
    const [, run, id] = /^(\S+) (\d+)$/.exec(line) ?? [];
    if (run === undefined || index === lines.length - 1) return [];
    return [{ run, id: Number(id) }];
  });
}
