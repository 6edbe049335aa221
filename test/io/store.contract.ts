/**
 * What a life of the ring relies on in the store, held against the files and against the simulated
 * state directory.
 */
import { type Test, test } from "tap";
import type { Store, StoredLife } from "../../src/io/ports.ts";
import { ms } from "../../src/model/time.ts";

export type StoreBench = {
  /** The store as the next process on the same machine finds it. */
  readonly next: () => Store;
  /** Lets time go on until what was asked for has come. */
  readonly wait: <Value>(value: PromiseLike<Value>) => Promise<Value>;
};

export function storeContract(name: string, open: (t: Test) => Promise<StoreBench>): void {
  const begun = async ({ next, wait }: StoreBench, wallMs: number) => {
    const store = next();
    const life = await wait(store.beginLife(ms(wallMs)));
    if (!life.ok) throw new Error(JSON.stringify(life.problem));
    return { store, life: life.value };
  };
  const raised = async ({ wait }: StoreBench, store: Store, bound: number) => {
    const result = await wait(store.raiseRingSeq(bound));
    return result.ok ? result.value : result.problem.type;
  };

  test(`${name}: STORE1 a life starts above the bound of the one before it`, async (t) => {
    const bench = await open(t);
    const lives: StoredLife[] = [];
    for (const wallMs of [1_700_000_000_000, 1_700_000_000_001, 1_700_000_001_000]) {
      const { store, life } = await begun(bench, wallMs);
      const before = lives.at(-1);
      lives.push(life);
      t.ok(life.ringSeqStart <= life.ringSeqDurable, "it may use some at once");
      t.equal(life.first, before === undefined);
      if (before !== undefined) t.ok(life.ringSeqStart > before.ringSeqDurable);
      const bound = life.ringSeqDurable + 5000;
      t.equal(await raised(bench, store, bound), bound);
      const after = await begun(bench, wallMs);
      t.ok(after.life.ringSeqStart > bound, "also above what was raised");
      lives.push(after.life);
    }
  });

  test(`${name}: STORE2 incarnations rise, even if the clock was set back`, async (t) => {
    const bench = await open(t);
    const first = await begun(bench, 1_700_000_000_000);
    const second = await begun(bench, 1_600_000_000_000);
    const third = await begun(bench, 1_700_000_500_000);
    t.ok(second.life.incarnation > first.life.incarnation);
    t.ok(third.life.incarnation > second.life.incarnation);
    t.equal(third.life.incarnation, 1_700_000_500_000);
  });

  test(`${name}: STORE1 a bound is never lowered`, async (t) => {
    const bench = await open(t);
    const { store, life } = await begun(bench, 1_700_000_000_000);
    const bound = life.ringSeqDurable + 10_000;
    t.equal(await raised(bench, store, bound), bound);
    t.equal(await raised(bench, store, life.ringSeqDurable + 1), bound);
    t.ok((await begun(bench, 1_700_000_000_000)).life.ringSeqStart > bound);
  });
}
