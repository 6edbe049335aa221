/**
 * What decides without a majority: auto_tie_breaker, last_man_standing, an operator.
 * Cases: those of the list "fencing" in test/cases.txt.
 */
import fc from "fast-check";
import { type Test, test } from "tap";
import type { NodeId } from "../../src/model/ids.ts";
import { ms } from "../../src/model/time.ts";
import { id } from "../sim/cluster.ts";
import { type VoterOptions, Voters } from "./voters.ts";

const votes = (count: number) => Array.from({ length: count }, () => 1);
const ascending = (count: number) => votes(count).map((_, at) => id(at + 1));
const lowest = (count: number) => ({ votes: votes(count), tieBreaker: ascending(count) });
const standing = { waitForAll: true, lastManStandingMs: ms(10_000) };

function all(t: Test, options: VoterOptions): Voters {
  const voters = new Voters(options);
  t.equal(voters.meet(t, ...options.votes.map((_, at) => at + 1)).quorate, true);
  return voters;
}

test("case 2: `expected 3` with two of five left, `expected 4` and `9` refused", async (t) => {
  const voters = all(t, { votes: votes(5) });
  t.match(voters.meet(t, 1, 2), { votes: 2, expectedVotes: 5, quorum: 3, quorate: false });
  const refused = (expected: number) => voters.engine(1).refusal({ type: "expected", expected });
  t.equal(refused(4), "quorum would be 3, only 2 votes are present");
  t.equal(refused(9), "quorum would be 5, only 2 votes are present");
  t.match(refused(1), /2 votes are present, fewer cannot be expected; use leave remove/);
  t.equal(refused(3), null);
  voters.change({ type: "expected", expected: 3 }, [1, 2], [1, 2]);
  t.match(voters.meet(t, 1, 2), { expectedVotes: 3, quorum: 2, quorate: true });
});

test("case 2: `expected 1` on the last of three", async (t) => {
  const voters = all(t, { votes: votes(3) });
  t.match(voters.meet(t, 1), { votes: 1, expectedVotes: 3, quorum: 2, quorate: false });
  voters.change({ type: "expected", expected: 1 }, [1], [1]);
  t.match(voters.meet(t, 1), { expectedVotes: 1, quorum: 1, quorate: true });
});

test("do_cmd_set_expected: what is refused changes nothing", async (t) => {
  const voters = all(t, { votes: votes(5) });
  voters.meet(t, 1, 2, 3);
  const before = voters.engine(1).report(id(1), true);
  t.ok(voters.engine(1).refusal({ type: "expected", expected: 9 }));
  t.same(voters.engine(1).report(id(1), true), before);
});

test("case 4: an operator cancels the waiting of two of three: quorate at once", async (t) => {
  const voters = new Voters({ votes: votes(3), waitForAll: true });
  t.equal(voters.meet(t, 1, 2).reason, "waiting for all: not seen node3");
  t.equal(voters.engine(1).refusal({ type: "cancel-wait" }), null);
  voters.change({ type: "cancel-wait" }, [1, 2], [1, 2]);
  t.equal(voters.meet(t, 1, 2).quorate, true);
  t.match(voters.engine(1).refusal({ type: "cancel-wait" }), /does not wait/);
});

test("a waiting that was cancelled on one side only ends there, once", async (t) => {
  const voters = new Voters({ votes: votes(5), waitForAll: true });
  voters.meet(t, 1, 2, 3);
  voters.change({ type: "cancel-wait" }, [1, 2, 3], [1]);
  t.equal(voters.meet(t, 2, 3, 4).quorate, false, "nobody of these has heard of it");
  t.equal(voters.meet(t, 1, 5).quorate, false, "too few");
  t.equal(voters.meet(t, 1, 2, 3).quorate, false, "a new waiting has begun");
});

test("case 5: four nodes, lowest: the half with node1 goes on, the other does not", async (t) => {
  const voters = all(t, lowest(4));
  const low = voters.meet(t, 1, 2);
  t.equal(low.quorate, true);
  const sum = "votes 2 of 4 expected, quorum 3: absent node3, node4";
  t.equal(low.reason, `${sum}; the tie is decided for these by node1`);
  t.match(voters.meet(t, 3, 4), { quorate: false, reason: /decided against these by node1/ });
});

test("case 5: {3,4} started alone with wait_for_all are not quorate", async (t) => {
  const voters = all(t, { ...lowest(4), waitForAll: true });
  t.equal(voters.meet(t, 1, 2).quorate, true);
  for (const node of [3, 4]) voters.restart(node);
  t.equal(voters.meet(t, 3, 4).reason, "waiting for all: not seen node1, node2");
});

test("auto_tie_breaker without wait_for_all: only the most preferred node decides", async (t) => {
  const voters = all(t, lowest(4));
  t.equal(voters.meet(t, 2, 3, 4).quorate, true);
  t.equal(voters.meet(t, 2, 3).quorate, false, "node1 and node4 might have started together");
  for (const node of [1, 4]) voters.restart(node);
  t.equal(voters.meet(t, 1, 4).quorate, true);
});

test("auto_tie_breaker with wait_for_all: the first of the last members decides", async (t) => {
  const voters = all(t, { ...lowest(4), waitForAll: true });
  t.equal(voters.meet(t, 2, 3, 4).quorate, true);
  t.equal(voters.meet(t, 2, 3).quorate, true);
  t.equal(voters.meet(t, 1, 4).quorate, false);
});

test("auto_tie_breaker of a list: a node that is not listed decides nothing", async (t) => {
  const options = { votes: votes(4), tieBreaker: [id(3), id(2)], waitForAll: true };
  const voters = all(t, options);
  t.equal(voters.meet(t, 3, 4).quorate, true);
  const without = all(t, options);
  t.equal(without.meet(t, 1, 2, 4).quorate, true);
  t.equal(without.meet(t, 1, 4).quorate, false, "node2 would have decided");
  const unlisted = all(t, { ...options, tieBreaker: [id(3)] });
  t.equal(unlisted.meet(t, 1, 2, 4).quorate, true);
  t.equal(unlisted.meet(t, 1, 2).quorate, false, "nobody decides");
});

test("auto_tie_breaker of five: half of the rest, when one has failed before", async (t) => {
  const voters = all(t, { ...lowest(5), waitForAll: true });
  t.equal(voters.meet(t, 1, 2).quorate, false, "three others may be together");
  voters.meet(t, 1, 2, 3, 4, 5);
  t.equal(voters.meet(t, 1, 2, 3, 4).quorate, true);
  t.equal(voters.meet(t, 1, 2).quorate, true);
  t.equal(voters.meet(t, 3, 4, 5).quorate, false, "a majority, but node1 has decided");
});

test("the truth table: four nodes, last_man_standing down to one", async (t) => {
  const voters = all(t, { ...lowest(4), ...standing });
  t.equal(voters.meet(t, 1, 2, 3).quorate, true);
  t.equal(voters.window(1, 2, 3), 3);
  t.match(voters.engine(2).snapshot(), { expectedVotes: 3, quorum: 2 });
  voters.meet(t, 1, 2, 3, 4);
  t.match(voters.meet(t, 1, 2), { quorum: 3, quorate: true }, "by the tie");
  t.equal(voters.window(1, 2), 2);
  t.match(voters.meet(t, 1), { expectedVotes: 2, quorum: 2, quorate: true }, "again by the tie");
  t.equal(voters.window(1), 1);
  t.match(voters.engine(1).snapshot(), { expectedVotes: 1, quorum: 1, quorate: true });
  t.equal(voters.window(1), null, "nothing is left to be lowered");
});

test("the truth table: without last_man_standing the last of four is not quorate", async (t) => {
  const voters = all(t, { ...lowest(4), waitForAll: true });
  voters.meet(t, 1, 2);
  t.match(voters.meet(t, 1), { quorate: false, votes: 1, quorum: 3 });
});

test("last_man_standing without a tie-breaker stops at two", async (t) => {
  const voters = all(t, { votes: votes(3), ...standing });
  t.equal(voters.meet(t, 1, 2).quorate, true);
  t.equal(voters.window(1, 2), 2);
  t.match(voters.meet(t, 1), { quorate: false, quorum: 2 });
  t.equal(voters.window(1), null);
});

test("case 6: last_man_standing of five: two are lost, the window passes, q is 2", async (t) => {
  const voters = all(t, { votes: votes(5), ...standing });
  t.match(voters.meet(t, 1, 2, 3), { expectedVotes: 5, quorum: 3, quorate: true });
  t.equal(voters.window(1, 2, 3), 3);
  t.match(voters.meet(t, 1, 2), { expectedVotes: 3, quorum: 2, quorate: true });
});

test("case 6: one more is lost before the window has passed: nothing is lowered", async (t) => {
  const voters = all(t, { votes: votes(5), ...standing });
  voters.meet(t, 1, 2, 3);
  t.match(voters.meet(t, 1, 2), { expectedVotes: 5, quorum: 3, quorate: false });
  t.equal(voters.window(1, 2), null);
});

test("case 6: after the shrink the others, started alone, wait for all", async (t) => {
  const voters = all(t, { votes: votes(5), ...standing });
  voters.meet(t, 1, 2, 3);
  voters.window(1, 2, 3);
  voters.meet(t, 1, 2);
  for (const node of [3, 4, 5]) voters.restart(node);
  t.match(voters.meet(t, 3, 4, 5), { quorate: false, reason: /^waiting for all/ });
  t.match(voters.meet(t, 1, 2, 3, 4, 5), { expectedVotes: 5, quorum: 3, quorate: true });
});

test("V1: who left a shrunk membership does not outvote it with those outside", async (t) => {
  const voters = all(t, { votes: votes(5), ...standing });
  voters.meet(t, 1, 2, 3);
  voters.meet(t, 4, 5);
  voters.window(1, 2, 3);
  t.equal(voters.meet(t, 3, 4, 5).quorate, false, "three of five, but one of three");
  t.equal(voters.meet(t, 1, 2).quorate, true);
});

test("AGREED1: who has only heard of a lowered quorum reckons with it", async (t) => {
  const voters = all(t, { votes: votes(5), ...standing });
  voters.meet(t, 1, 2, 3);
  voters.meet(t, 4, 5);
  voters.change({ type: "expected", expected: 3 }, [1, 2, 3], [1, 2]);
  t.equal(voters.meet(t, 3, 4, 5).quorate, false);
  t.equal(voters.meet(t, 1, 2).quorate, true);
});

test("do_cmd_set_votes: more votes are expected first, fewer change no quorum", async (t) => {
  const voters = all(t, { votes: votes(3), waitForAll: true });
  const engine = voters.engine(2);
  const more = { type: "votes", node: id(1), votes: 3 } as const;
  t.equal(engine.refusal(more), null);
  voters.change(more, [1, 2, 3], []);
  t.match(engine.snapshot(), { expectedVotes: 5, quorum: 3, votes: 3 });
  voters.change(more, [], [1, 2, 3]);
  t.match(engine.snapshot(), { expectedVotes: 5, quorum: 3, votes: 5 });
  t.match(voters.meet(t, 1), { votes: 3, quorate: true });
  t.match(voters.meet(t, 2, 3), { votes: 2, quorate: false });
  t.match(engine.refusal({ type: "votes", node: id(1), votes: 9 }), /no member/);
  voters.meet(t, 1, 2, 3);
  voters.change({ type: "votes", node: id(1), votes: 2 }, [1, 2, 3], [1, 2, 3]);
  t.match(voters.meet(t, 1, 2, 3), { votes: 4, expectedVotes: 5, quorum: 3 });
  t.match(engine.refusal({ type: "votes", node: id(1), votes: 0 }), /quorum would be 3, of 2/);
});

test("do_cmd_set_expected: with two_node there is nothing to be expected", async (t) => {
  const voters = all(t, { votes: votes(2), twoNode: true, waitForAll: true });
  t.match(voters.engine(1).refusal({ type: "expected", expected: 2 }), /one vote is enough/);
});

test("do_cmd_set_votes: refused where files or options say otherwise", async (t) => {
  const two = { type: "votes", node: id(1), votes: 2 } as const;
  const refusal = (options: VoterOptions) => all(t, options).engine(1).refusal(two);
  t.match(refusal({ votes: votes(3) }), /a node that starts alone counts by its file/);
  t.match(refusal({ votes: votes(2), twoNode: true, waitForAll: true }), /two_node/);
  t.match(refusal({ votes: votes(3), ...standing }), /last_man_standing/);
});

test("Q1: no history of splits, restarts and shrinking makes two sides quorate", async (t) => {
  const phase = fc.record({
    /** For each node the component it is in; 3: it notices nothing this time. */
    groups: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 6, maxLength: 6 }),
    restarted: fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 2 }),
    /** In component 0, 1 or 2 an operator expects those present; all others are really off. */
    operator: fc.integer({ min: 0, max: 17 }),
    /** Who hears the proposal of the window, and who that it is agreed; null: it does not pass. */
    window: fc.option(fc.record({ heard: fc.integer({ min: 0 }), agreed: fc.integer({ min: 0 }) })),
  });
  const plan = fc.record({
    count: fc.integer({ min: 3, max: 6 }),
    preferred: fc.constantFrom<readonly number[]>([1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1], [3, 1]),
    tie: fc.boolean(),
    phases: fc.array(phase, { minLength: 2, maxLength: 10 }),
    shrinks: fc.boolean(),
    waitForAll: fc.boolean(),
  });
  let vouched = 0;
  let tied = 0;
  let shrunk = 0;
  const property = fc.property(plan, ({ count, preferred, tie, phases, shrinks, waitForAll }) => {
    const order = preferred.filter((node) => node <= count).map(id);
    const waits = waitForAll || shrinks || count % 2 === 1;
    const tieBreaker = tie ? order : null;
    const lastManStandingMs = shrinks ? ms(10_000) : null;
    const voters = new Voters({
      votes: votes(count),
      tieBreaker,
      lastManStandingMs,
      waitForAll: waits,
    });
    const nodes = ascending(count);
    voters.meet(null, ...nodes);
    for (const { groups, restarted, window, operator } of phases) {
      for (const node of restarted) if (node <= count) voters.restart(node);
      const component = (group: number) => nodes.filter((node) => groups[node - 1] === group);
      if (operator <= 2 && waits) {
        if (!vouch(voters, component(operator), nodes)) continue;
        vouched += 1;
        continue;
      }
      const quorate = [0, 1, 2].map(component).filter((side) => {
        const verdict = side.length > 0 ? voters.meet(null, ...side) : null;
        if (verdict?.reason.includes("decided for") === true) tied += 1;
        return verdict?.quorate === true;
      });
      if (quorate.length > 1) return false;
      const [side = []] = quorate;
      const expected = side[0] === undefined ? null : voters.engine(side[0]).lastManStandingVotes;
      if (window === null || expected === null) continue;
      // As long as a window no node takes itself for quorate that heard nothing.
      for (const node of component(3)) voters.forget(node);
      const some = (mask: number) => side.filter((_, at) => ((mask >> at) & 1) === 1);
      const agreed = some(window.agreed);
      const heard = agreed.length > 0 ? side : some(window.heard);
      voters.change({ type: "expected", expected }, heard, agreed);
      shrunk += agreed.length > 0 ? 1 : 0;
    }
    return true;
  });
  t.doesNotThrow(() =>
    fc.assert(property, { numRuns: Number(process.env["RUNS"] ?? 3000), seed: 20130701 }),
  );
  t.ok(tied > 100 && shrunk > 100, `${tied} ties were decided, ${shrunk} quorums lowered`);
  t.ok(vouched > 100, `${vouched} times an operator decided`);
});

/** An operator has switched off all but these, and says so there; false: the sums refuse it. */
function vouch(voters: Voters, side: readonly NodeId[], nodes: readonly NodeId[]): boolean {
  const [first] = side;
  if (first === undefined) return false;
  for (const node of nodes) if (!side.includes(node)) voters.restart(node);
  const { votes: expected } = voters.meet(null, ...side);
  const change = { type: "expected", expected } as const;
  if (voters.engine(first).refusal(change) !== null) return false;
  voters.change(change, side, side);
  return voters.meet(null, ...side).quorate;
}
