/**
 * Deliberate bugs of the lease and of the services, for the searches of cluster schedules; see
 * bug-hunt.ts. Each is the absence of a rule that keeps two nodes from running one service, or of
 * what a user was promised.
 */
import { type Mutant, mutant } from "./bug-hunt.ts";

const leaseMutants: readonly Mutant[] = [
  mutant("lease", "the lease counts from the token's return", [
    {
      file: "fencing/lease.js",
      find: "return passed;",
      replace: "return { ring: passed.ring, startMs: token.nowMs };",
    },
  ]),
  mutant("lease", "a token of any ring prolongs the lease", [
    {
      file: "fencing/lease.js",
      find: "!token.operational || !sameRing(passed.ring, token.ring)",
      replace: "false",
    },
  ]),
  mutant("lease", "a ring without quorum prolongs the lease", [
    {
      file: "node/lease-clock.js",
      find: "if (quorate !== null && sameRing(evidence.ring, quorate)) {",
      replace: "if (true) {",
    },
  ]),
  mutant("lease", "the safe wait begins with the first member that missed the lost one", [
    {
      file: "node/exchange.js",
      find: "Math.min(silence.get(node) ?? Number.POSITIVE_INFINITY, silentMs)",
      replace: "Math.max(silence.get(node) ?? 0, silentMs)",
    },
  ]),
  mutant("lease", "a daemon that has just started has heard of nobody's silence", [
    {
      file: "fencing/lease.js",
      find: "[node, startedAtMs]",
      replace: "[node, startedAtMs - 3_600_000]",
    },
  ]),
  mutant("lease", "something starts under a lease that nobody guards", [
    {
      file: "node/lease-clock.js",
      find: "return this.held(nowMs) && nowMs < this.#guardedUntilMs;",
      replace: "return this.held(nowMs);",
    },
  ]),
];

const serviceMutants: readonly Mutant[] = [
  mutant("services", "nobody asks who might be running it unseen", [
    {
      file: "services/evaluation.js",
      find: "if (unknown.length > 0) {",
      replace: "if (false) {",
    },
  ]),
  mutant("services", "a failed stop counts as a stop", [
    {
      file: "services/operation-results.js",
      find: 'else if (message.outcome === "ok") {',
      replace: "else if (true) {",
    },
  ]),
  mutant("services", "what a lost node holds may be touched before it is fenced", [
    {
      file: "services/table-draft.js",
      find: 'return phase === "lost" || phase === "joined" ? holder : null;',
      replace: "return null;",
    },
  ]),
  mutant("services", "a restricted domain is only preferred", [
    {
      file: "services/placement.js",
      find: "if (domain.restricted)",
      replace: "if (false)",
    },
  ]),
  mutant("services", "exclusive services share a node with others", [
    {
      file: "services/table-draft.js",
      find: "const alone = !this.index.ownsOthers(node, name);",
      replace: "const alone = true;",
    },
  ]),
  mutant("services", "a start that failed is not cleaned up", [
    {
      file: "services/operation-results.js",
      find: "onStartFailed(draft, service, { op, text: message.text });",
      replace: "onStopped(draft, service, { ...op, goal: { type: 'next' } });",
    },
  ]),
  mutant("services", "what was delivered before the exchange is acted upon at once", [
    {
      file: "node/replica.js",
      find: "if (this.#holding)",
      replace: "if (false)",
    },
  ]),
  mutant("services", "an unlock is granted and forgotten", [
    {
      file: "services/freeze-and-lock.js",
      find: "draft.locked = locked;",
      replace: "draft.locked = true;",
    },
  ]),
  mutant("services", "an unfreeze is granted and forgotten", [
    {
      file: "services/freeze-and-lock.js",
      find: "frozen: false",
      replace: "frozen: service.frozen",
    },
  ]),
  mutant("services", "what was granted is not answered", [
    {
      file: "node/own-services.js",
      find: "|| !this.#requests.delete(ref.number))",
      replace: "|| code === 0 || !this.#requests.delete(ref.number))",
    },
  ]),
  mutant("services", "an ordered message overtakes those that wait", [
    {
      file: "node/replica.js",
      find: "this.#waiting.shift()",
      replace: "this.#waiting.pop()",
    },
  ]),
  mutant("services", "nobody waits for the end of what is half done", [
    {
      file: "node/replica-work.js",
      find: "while (this.#replica.goOn(Number.POSITIVE_INFINITY) > 0)",
      replace: "while (false)",
    },
  ]),
];

const cleanUpMutants: readonly Mutant[] = [
  mutant("clones", "what is still being cleaned up is free for the others", [
    {
      file: "services/local-services.js",
      find: "return place.job === null && !waiting.has(place);",
      replace: "return true;",
    },
  ]),
];

const cloneMutants: readonly Mutant[] = [
  mutant("clones", "the clean-up of a copy proves that the original runs nothing", [
    {
      file: "fencing/safe-waits.js",
      find: "this.leftElsewhereMs(node) > 0",
      replace: "false",
    },
  ]),
  mutant("clones", "the word of a copy is not held back", [
    {
      file: "fencing/fence-register.js",
      find: "(victim.by === null && !victim.moved)",
      replace: "victim.by === null",
    },
  ]),
  mutant("clones", "what is known of a member's other machine is forgotten with its history", [
    {
      file: "services/service-table.js",
      find: 'draft.putNode({ ...draft.node(id), knowledge: "unknown" });',
      replace: "draft.node(id);",
    },
  ]),
  mutant("clones", "a machine that was copied is the same machine", [
    {
      file: "node/machines.js",
      find: "claim.machine === machine",
      replace: "true",
    },
  ]),
];

export const clusterMutants: readonly Mutant[] = [
  ...leaseMutants,
  ...serviceMutants,
  ...cleanUpMutants,
  ...cloneMutants,
];
