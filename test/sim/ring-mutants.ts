/**
 * Deliberate bugs of the ring, for the search of ring schedules; see bug-hunt.ts.
 * Each bug was one of corosync, or is the absence of a rule.
 */
import { type Edit, type Mutant, mutant, since } from "./bug-hunt.ts";

const nothing = ";";

export const ringMutants: readonly Mutant[] = [
  bug("messages are freed for a duplicate token", "rotation.js", {
    find: "return token.tokenSeq <= this.#memory.tokenSeq;",
    replace: `if (token.tokenSeq > this.#memory.tokenSeq) return false;
      this.#memory = { ...this.#memory, aruBefore: this.#memory.lastAru, lastAru: token.aru };
      if (this.operational) this.queue.release(this.safeUpTo);
      return true;`,
  }),
  bug("messages are freed after one visit", "rotation.js", {
    find: "this.queue.release(this.safeUpTo);",
    replace: "this.queue.release(token.aru);",
  }),
  bug("a duplicate token is accepted", "rotation.js", {
    find: "return token.tokenSeq <= this.#memory.tokenSeq;",
    replace: "return false;",
  }),
  mutant("ring", "recovery counters are kept from an abandoned attempt", [
    {
      file: "membership/ring-recovery.js",
      find: "#clearVisits = 0;",
      replace: "#clearVisits = 2;",
    },
    {
      file: "membership/ring-recovery.js",
      find: "invariant(this.whole,",
      replace: "invariant(true,",
    },
    { file: "membership/ring.js", find: "true && ended.whole)", replace: "true)" },
  ]),
  bug("nothing of the old ring is exchanged", "ring-recovery.js", {
    find: "return equal ? [] :",
    replace: "return true ? [] :",
  }),
  bug("what was acknowledged in an abandoned attempt is forgotten", "ring-recovery.js", {
    find: "this.#old.obliged = this.#obliged;",
    replace: nothing,
  }),
  ...since(
    3400,
    bug("who acknowledges an exchange takes over no obligation of the others", "ring-recovery.js", {
      find: "this.#old.obliged = this.#obliged;",
      replace: "this.#old.obliged = union(this.#old.obliged, this.trans);",
    }),
  ),
  ...since(
    4500,
    bug("nobody makes way for two rings that one link keeps apart", "merge-gate.js", {
      find: "theirs === null || this.#closedAges < closedAgesMax",
      replace: "true",
    }),
  ),
  bug("the old ring takes messages after the commit token", "formation.js", {
    find: "this.#installed.frozen = true;",
    replace: nothing,
  }),
  bug("the ring sequence is not kept across lives", "ring.js", {
    find: "options.ringSeqStart, options.ringSeqDurable);",
    replace: "1, options.ringSeqDurable);",
  }),
  bug("a life begins where the one before it began", "ring.js", {
    find: "options.ringSeqStart, options.ringSeqDurable);",
    replace: "Math.max(1, options.ringSeqStart - 4001), options.ringSeqDurable);",
  }),
  bug("the lease of the ring sequence is ignored", "ring-sequence.js", {
    find: "return ringSeq <= this.#durable;",
    replace: "return true;",
  }),
  bug(
    "a working ring takes every join of a member",
    "merge-gate.js",
    { find: "if (join.ringSeq < ring.seq)", replace: "if (false)" },
    { find: 'join.failed.includes(this.#self) ? "left-behind" : "admit"', replace: '"admit"' },
  ),
  bug("a join that changes nothing restarts the gather", "consensus.js", {
    find: `return { type: "nothing" };
    }
    const agrees`,
    replace: `return { type: "changed", agreement: restartConsent({ proc, failed }, self) };
    }
    const agrees`,
  }),
  bug("strangers dissolve a ring without having been heard", "merge-gate.js", {
    find: "const [one, other] =",
    replace: "return true; const [one, other] =",
  }),
  bug("only the two that meet must hear each other", "merge-gate.js", {
    find: "this.#hearingBefore.get(node) ?? null",
    replace: "this.#hearingBefore.get(node) ?? [1, 2, 3, 4, 5, 6, 7]",
  }),
  bug("strangers are let in while others still install", "operational.js", {
    find: "#installedByAll = false;",
    replace: "#installedByAll = true;",
  }),
  bug("what strangers say of strangers does not count", "consensus.js", {
    find: "join.failed.filter((node) => !oldMembers.includes(node))",
    replace: "[]",
  }),
  bug("own joins do not come back", "ring.js", {
    find: "const echo = join.leave && from",
    replace: "const echo = from",
  }),
  mutant("ring", "chains of fragments go on in the next configuration", [
    { file: "membership/send-queues.js", find: "this.#queues.app.restart();", replace: nothing },
    { file: "membership/delivery.js", find: "this.#assembler.reset();", replace: nothing },
  ]),
  bug("a message in fragments is not sent again from its beginning", "send-queues.js", {
    find: "this.#queues.app.restart();",
    replace: nothing,
  }),
  bug(
    "messages behind a gap are delivered",
    "sort-queue.js",
    {
      find: "while (this.#delivered < this.#aru) {",
      replace: "while (this.#delivered < this.#high) {",
    },
    {
      find: 'invariant(message !== undefined, "QUEUE2: a message below the aru is not held");',
      replace: "if (message === undefined) { this.#delivered += 1; continue; }",
    },
  ),
  bug("who failed is forgotten when a gather restarts", "consensus.js", {
    find: "return { proc, failed: agreement.failed, consent: new Set([self]) };",
    replace: "return { proc, failed: new Set(), consent: new Set([self]) };",
  }),
  bug("safe messages are delivered like agreed ones", "sort-queue.js", {
    find: "if (message.safe && message.seq > safeUpTo)",
    replace: "if (false)",
  }),
  bug("joins reach whoever will not get longer messages", "gathering.js", {
    find: "this.#effects.announce(",
    replace: "this.#effects.multicast(",
  }),
  bug("merge detects reach whoever will not get longer messages", "operational.js", {
    find: "effects.announce(",
    replace: "effects.multicast(",
  }),
  mutant("ring", "whoever is heard in short messages counts as heard", [
    {
      file: "membership/ring.js",
      find: 'if ("heard" in message)',
      replace: `if (["mcast", "hold-cancel"].includes(message.type)) this.#gate.note(from);
        if ("heard" in message)`,
    },
    {
      file: "membership/merge-gate.js",
      find: "forgetLife(node) {",
      replace: "note(from) { this.#heardNow.add(from); }\n    forgetLife(node) {",
    },
  ]),
  liar("ring sequences that no clock explains are taken over", "frame-screen.js", {
    find: "!this.#parts.sequence.isExplained(seq)",
    replace: "false",
  }),
  liar("a recovery ends when the token says so", "ring.js", {
    find: "true && ended.whole)",
    replace: "true)",
  }),
  liar("a recovery that comes to no end goes on", "formation.js", {
    find: "recovery.complete || recovery.stuck",
    replace: "recovery.complete",
  }),
  liar("the place of an own message may be taken", "rotation.js", {
    find: "if (this.queue.has(after + sent + 1))",
    replace: "if (false)",
  }),
];

type Change = Omit<Edit, "file">;

function bug(name: string, file: string, ...edits: readonly Change[]): Mutant {
  return mutant("ring", name, inFile(file, edits));
}

/** To be found by a member that lies. */
function liar(name: string, file: string, ...edits: readonly Change[]): Mutant {
  return mutant("liar", name, inFile(file, edits));
}

function inFile(file: string, edits: readonly Change[]): readonly Edit[] {
  return edits.map((edit) => ({ file: `membership/${file}`, ...edit }));
}
