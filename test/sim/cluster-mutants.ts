/**
 * Deliberate bugs of the lease and of the services, for the searches of cluster schedules; see
 * bug-hunt.ts. Each is the absence of a rule that keeps two nodes from running one service, or of
 * what a user was promised.
 */

import { brokerMutants } from "./broker-mutants.ts";
import { type Mutant, mutant, since } from "./bug-hunt.ts";
import { certificateMutants } from "./certificate-mutants.ts";
import { blindLeaseSeedMin, liveLeaseSeedMin } from "./lease-schedule.ts";
import { blindServiceSeedMin, slowKernelSeedMin } from "./service-schedule.ts";
import { shellMutants } from "./shell-mutants.ts";

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
      file: "node/last-heard.js",
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
      find: "return this.held(nowMs) && guarded;",
      replace: "return this.held(nowMs);",
    },
  ]),
  mutant("lease", "a daemon that starts takes for granted that a guard was done", [
    {
      file: "node/loss-of-quorum.js",
      find: '{ type: "clean-up", nothingLeft }',
      replace: '{ type: "clean-up", nothingLeft: true }',
    },
  ]),
];

/** Of the loop. */
const blindLeaseMutants = since(
  blindLeaseSeedMin,
  mutant("lease", "a look that failed counts as clean", [
    {
      file: "services/local/service-kill.js",
      find: "if (report.unseen.length > 0)",
      replace: "if (false)",
    },
    {
      file: "vip/ip-agent.js",
      find: `function* dropAddress(ip) {
    const report = yield { type: "list-interfaces" };
    if (report.type !== "interfaces")
        return problem("cannot list the interfaces", report);`,
      replace: `function* dropAddress(ip) {
    const report = yield { type: "list-interfaces" };
    if (report.type !== "interfaces")
        return good;`,
    },
  ]),
  mutant("lease", "what the guard could not look at counts as gone", [
    {
      file: "guard/lease-guard.js",
      find: "if (rest.length > 0) {",
      replace: 'if (rest.some((one) => !one.startsWith("EMFILE"))) {',
    },
  ]),
);

const liveLeaseMutants = since(
  liveLeaseSeedMin,
  mutant("lease", "a new conf ends the safe wait of whoever is lost", [
    {
      file: "fencing/fence-domain.js",
      find: "if (!goesOn && !this.#rounds.has(node))",
      replace:
        'if (next.fencesItself(node)) this.#outputs.push({ type: "arm", node, afterMs: 0 }); else',
    },
  ]),
);

const blindServiceMutants = since(
  blindServiceSeedMin,
  mutant("services", "a stop that nobody could look at has succeeded", [
    {
      file: "services/local/leftovers.js",
      find: "if (report.unseen.length === 0)",
      replace: "if (true)",
    },
  ]),
  mutant("services", "a stop is believed though its processes live", [
    {
      file: "services/local/leftovers.js",
      find: "if (!runsProcesses(conf))",
      replace: "if (!doubtful)",
    },
  ]),
);

const serviceMutants: readonly Mutant[] = [
  mutant("services", "an address is put up that nobody has claimed", [
    {
      file: "vip/ip-agent.js",
      find: 'const claimed = yield { type: "claim-address", address: ip.address };',
      replace: 'const claimed = { type: "done" };',
    },
  ]),
  mutant("services", "nobody asks who might be running it unseen", [
    {
      file: "services/table/evaluation.js",
      find: "if (unknown.length > 0) {",
      replace: "if (false) {",
    },
  ]),
  mutant("services", "a failed stop counts as a stop", [
    {
      file: "services/table/operation-results.js",
      find: 'else if (message.outcome === "ok") {',
      replace: "else if (true) {",
    },
  ]),
  mutant("services", "what a lost node holds may be touched before it is fenced", [
    {
      file: "services/table/table-state.js",
      find: 'return phase === "lost" || phase === "joined" ? holder : null;',
      replace: "return null;",
    },
  ]),
  mutant("services", "the end of any node frees what could not be stopped on another", [
    {
      file: "services/table/lost-node.js",
      find: 'service.state !== "failed" || service.lastOwner !== node',
      replace: 'service.state !== "failed"',
    },
  ]),
  mutant("services", "a stop that there was no room for counts as a stop", [
    {
      file: "services/local/service-worker.js",
      find: 'retry: stops || action === "status" ? "unlimited" : "short"',
      replace: 'retry: "short"',
    },
    {
      file: "services/local/service-worker.js",
      find: "(nothing && !this.#started.has(resource))",
      replace: "nothing",
    },
  ]),
  mutant("services", "a restricted domain is only preferred", [
    {
      file: "services/table/placement.js",
      find: "if (domain.restricted)",
      replace: "if (false)",
    },
  ]),
  mutant("services", "exclusive services share a node with others", [
    {
      file: "services/table/table-state.js",
      find: "const alone = !this.index.ownsOthers(node, name);",
      replace: "const alone = true;",
    },
  ]),
  mutant("services", "a start that failed is not cleaned up", [
    {
      file: "services/table/operation-results.js",
      find: "onStartFailed(table, service, { op, text: message.text });",
      replace: "onStopped(table, service, { ...op, goal: { type: 'next' } });",
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
      file: "services/table/freeze-and-lock.js",
      find: "table.locked = locked;",
      replace: "table.locked = true;",
    },
  ]),
  mutant("services", "an unfreeze is granted and forgotten", [
    {
      file: "services/table/freeze-and-lock.js",
      find: "frozen: false",
      replace: "frozen: service.frozen",
    },
  ]),
  mutant("services", "what was granted is not answered", [
    {
      file: "node/node-services.js",
      find: "|| !this.#requests.delete(ref.number))",
      replace: "|| outcome.type === 'done' || !this.#requests.delete(ref.number))",
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
      file: "node/replica-performer.js",
      find: "while (replica.goOn(Number.POSITIVE_INFINITY) > 0)",
      replace: "while (false)",
    },
  ]),
];

const outageMutants: readonly Mutant[] = [
  mutant("outage", "without quorum everything is stopped", [
    {
      file: "node/loss-of-quorum.js",
      find: 'ends ? "clean-up" : "stand-down"',
      replace: '"clean-up"',
    },
  ]),
  mutant("outage", "the end of the lease kills what is bound, too", [
    {
      file: "node/loss-of-quorum.js",
      find: "const kills = services.mayFloat;",
      replace: "const kills = services.mayRun;",
    },
  ]),
  mutant("outage", "the guard kills everything at the end of each lease", [
    {
      file: "node/node-services.js",
      find: 'this.mayFloat ? "kill" : "spare"',
      replace: 'this.mayFloat ? "kill" : "kill"',
    },
  ]),
  mutant("outage", "the guard spares also what floats", [
    {
      file: "node/node-services.js",
      find: 'this.mayFloat ? "kill" : "spare"',
      replace: 'this.mayFloat ? "spare" : "spare"',
    },
  ]),
  mutant("outage", "what went on goes on, whoever was quorate meanwhile", [
    {
      file: "node/loss-of-quorum.js",
      find: "if (missedNothing || kept.length === 0)",
      replace: "if (true)",
    },
  ]),
  mutant("outage", "what floats leaves a trace in its history only once", [
    {
      file: "node/replica.js",
      find: "workedIn: history.ringSeq",
      replace: "workedIn: history.workedIn ?? history.ringSeq",
    },
  ]),
  mutant("outage", "whoever was quorate meanwhile had something that floats running", [
    {
      file: "services/table/service-table.js",
      find: "this.#table.worked ||= this.#table.mayWork;",
      replace: "this.#table.worked = true;",
    },
  ]),
  mutant("outage", "a start that was declined was running", [
    {
      file: "services/table/operation-results.js",
      find: 'if (message.outcome !== "declined")',
      replace: "if (true)",
    },
  ]),
  mutant("outage", "a new life of the process remembers no quorum", [
    {
      file: "node/loss-of-quorum.js",
      find: "return { services, configHash, memory };",
      replace: "return { services, configHash, memory: { last: null, doubts: [] } };",
    },
  ]),
  mutant("outage", "every life that ends doubts the ring that it was in", [
    {
      file: "node/state-exchange.js",
      find: 'state.type === "none" || heardAll(state)',
      replace: 'state.type === "none"',
    },
  ]),
  mutant("outage", "what goes on is lost with the life of its node", [
    {
      file: "node/loss-of-quorum.js",
      find: "mayFloat || !mayRun ? null : local",
      replace: "null",
    },
  ]),
];

const cleanUpMutants: readonly Mutant[] = [
  ...since(
    30_400,
    mutant("outage", "what a member had in an earlier life is running in this ring", [
      {
        file: "services/table/table-state.js",
        find: 'this.node(holder).phase !== "joined" && ',
        replace: "",
      },
    ]),
  ),
  mutant("outage", "what is still being cleaned up is free for the others", [
    {
      file: "services/local/clean-up.js",
      find: "(slot.job === null && !this.#waiting.includes(slot))",
      replace: "true",
    },
  ]),
];

const cloneMutants: readonly Mutant[] = [
  ...since(
    10_300,
    mutant("clones", "what is stored of the others ends with the first history", [
      { file: "node/last-heard.js", find: "of fresh ? this.#stored : []", replace: "of []" },
    ]),
  ),
  ...since(
    10_300,
    mutant("clones", "where the others were is forgotten at every start", [
      {
        file: "node/last-heard.js",
        find: "claims.push({ node, machine, ms, stored: true });",
        replace: ";",
      },
    ]),
  ),
  mutant("clones", "the clean-up of a copy proves that the original runs nothing", [
    {
      file: "fencing/safe-waits.js",
      find: "this.leftElsewhereMs(node) > 0",
      replace: "false",
    },
  ]),
  mutant("clones", "the word of a copy is not held back", [
    {
      file: "fencing/victim-register.js",
      find: "(victim.by === null && !victim.moved)",
      replace: "victim.by === null",
    },
  ]),
  mutant("clones", "a machine that was copied is the same machine", [
    {
      file: "node/last-heard.js",
      find: "claim.machine === machine",
      replace: "true",
    },
  ]),
];

const formerLifeMutants = since(
  11_200,
  mutant("clones", "a life that was heard before the accepted one is forgotten", [
    {
      file: "node/last-heard.js",
      find: "atMs: Math.max(one.atMs, formerMs)",
      replace: "atMs: one.atMs",
    },
  ]),
);

const joinedMutants = since(
  3_556_500,
  mutant("services", "the lease of a former machine proves the present one clean", [
    {
      file: "services/table/node-phases.js",
      find: "? { ...node, unproven: node.unproven || !verified }",
      replace: '? { ...node, knowledge: "known", unproven: node.unproven || !verified }',
    },
  ]),
);

/** Of what one life of the node has done by agents. */
const agentMutants: readonly Mutant[] = [
  ...since(
    slowKernelSeedMin,
    mutant("services", "a cancelled order is not waited for", [
      {
        file: "life/order-performer.js",
        find: "[...this.#underWay].filter((one) => one.cancel.signal.aborted && which(one));",
        replace: "[];",
      },
    ]),
    mutant("services", "the next order for a service does not wait for a cancelled one", [
      {
        file: "life/order-performer.js",
        find: "this.#afterCancelled(before, begin);",
        replace: "begin();",
      },
    ]),
    mutant("services", "a kill is over while an earlier order still runs", [
      {
        file: "life/order-performer.js",
        find: "this.#afterCancelled(before, (late) => {",
        replace: "this.#afterCancelled(() => false, (late) => {",
      },
    ]),
    mutant("services", "what was cancelled before it began is performed", [
      {
        file: "life/order-performer.js",
        find: "if (cancel.signal.aborted)\n                done(",
        replace: "if (false)\n                done(",
      },
    ]),
    mutant("services", "an order is forgotten as soon as it is cancelled", [
      {
        file: "life/order-performer.js",
        find: "if (one.action === action)\n                one.cancel.abort();",
        replace: "if (one.action === action) this.#underWay.delete(one);",
      },
    ]),
  ),
  mutant("lease", "runs on one fence device do not follow each other", [
    {
      file: "life/fence-runs.js",
      find: "if (queue.length === 1)",
      replace: "if (true)",
    },
  ]),
];

export const clusterMutants: readonly Mutant[] = [
  ...leaseMutants,
  ...brokerMutants,
  ...certificateMutants,
  ...shellMutants,
  ...blindLeaseMutants,
  ...liveLeaseMutants,
  ...blindServiceMutants,
  ...serviceMutants,
  ...outageMutants,
  ...cleanUpMutants,
  ...cloneMutants,
  ...joinedMutants,
  ...formerLifeMutants,
  ...agentMutants,
];
