import fc from "fast-check";
import { test } from "tap";
import {
  type Agreement,
  agreementOf,
  allConsent,
  applyJoin,
  failSilent,
  liveNodes,
  restartConsent,
} from "../../src/membership/consensus.ts";
import type { NodeId } from "../../src/model/ids.ts";
import { join, node, nodes } from "./frames.ts";

const me = node(1);

function agreement(
  proc: readonly number[],
  failed: readonly number[] = [],
  consent: readonly number[] = [1],
): Agreement {
  return {
    proc: new Set(nodes(...proc)),
    failed: new Set(nodes(...failed)),
    consent: new Set(nodes(...consent)),
  };
}

const context = { self: me, from: node(2), oldMembers: nodes(1, 2, 3) };

test("equal sets are consent, but a leaver does not consent", async (t) => {
  const equal = { proc: nodes(1, 2), failed: nodes() };
  const consents = applyJoin(agreement([1, 2]), join(equal), context);
  t.equal(consents.type, "consents");
  t.ok(consents.type === "consents" && allConsent(consents.agreement));
  const leaving = applyJoin(agreement([1, 2]), join({ ...equal, leave: true }), context);
  t.equal(leaving.type, "nothing");
});

test("a join with nothing new changes nothing", async (t) => {
  const effect = applyJoin(agreement([1, 2, 3], [3]), join({ proc: nodes(1, 2) }), context);
  t.equal(effect.type, "nothing");
});

test("a node declared failed stays out", async (t) => {
  const strange = join({ proc: nodes(2, 4) });
  t.equal(applyJoin(agreement([1, 2, 3], [2]), strange, context).type, "nothing");
});

test("new nodes are considered, and a sender that agrees with the result consents", async (t) => {
  const effect = applyJoin(agreement([1]), join({ proc: nodes(1, 2, 4) }), context);
  t.ok(effect.type === "changed");
  if (effect.type !== "changed") return;
  t.same(liveNodes(effect.agreement), [1, 2, 4]);
  t.same([...effect.agreement.consent], [1, 2]);
});

test("a node that declares us failed counts as failed", async (t) => {
  const accusing = join({ proc: nodes(1, 2, 3), failed: nodes(1, 3) });
  const effect = applyJoin(agreement([1, 2, 3]), accusing, context);
  t.ok(effect.type === "changed" && effect.agreement.failed.has(node(2)));
  t.ok(effect.type === "changed" && !effect.agreement.failed.has(node(3)), "its list is void");
});

test("members of our old ring are believed, other nodes only about yet others", async (t) => {
  const verdict = join({ proc: nodes(1, 2, 3), failed: nodes(3) });
  const believed = applyJoin(agreement([1, 2, 3]), verdict, context);
  t.ok(believed.type === "changed" && believed.agreement.failed.has(node(3)));
  const stranger = { ...context, oldMembers: nodes(1, 3) };
  t.equal(applyJoin(agreement([1, 2, 3]), verdict, stranger).type, "nothing", "and no new gather");
  const alone = applyJoin(agreement([1, 2, 3]), verdict, { ...context, oldMembers: nodes(1) });
  t.ok(alone.type === "changed" && alone.agreement.failed.has(node(3)));
  t.ok(alone.type === "changed" && alone.agreement.consent.has(node(2)), "they agree at once");
});

test("a node that is silent at the end has failed", async (t) => {
  const next = failSilent(agreement([1, 2, 3, 4], [4], [1, 3]));
  t.same([...next.failed].sort(), [2, 4]);
  t.same(liveNodes(next), [1, 3]);
});

test("agreement starts over with oneself", async (t) => {
  const restarted = restartConsent(agreementOf(nodes(2, 3)), me);
  t.same(liveNodes(restarted), [1, 2, 3]);
  t.same([...restarted.consent], [1]);
});

test("CONSENSUS1 the sets only grow and every change is a growth", async (t) => {
  const some = fc.uniqueArray(fc.integer({ min: 1, max: 6 }), { maxLength: 6 });
  fc.assert(
    fc.property(some, some, some, some, fc.integer({ min: 2, max: 6 }), (p, f, jp, jf, from) => {
      const before = restartConsent(
        agreement(
          p,
          f.filter((id) => id !== 1),
        ),
        me,
      );
      const sorted = (ids: readonly number[]): readonly NodeId[] => {
        return nodes(...[...ids].sort((a, b) => a - b));
      };
      const sent = join({ proc: sorted(jp), failed: sorted(jf) });
      const effect = applyJoin(before, sent, { self: me, from: node(from), oldMembers: sorted(p) });
      if (effect.type !== "changed") return true;
      const { proc, failed } = effect.agreement;
      const kept = [...before.proc].every((id) => proc.has(id));
      const keptFailed = [...before.failed].every((id) => failed.has(id));
      const grown = proc.size + failed.size > before.proc.size + before.failed.size;
      return kept && keptFailed && grown && !failed.has(me);
    }),
    { numRuns: 2000 },
  );
  t.pass("2000 joins");
});
