/**
 * Deliberate bugs of what is done about brokers; see bug-hunt.ts. Two primaries that nobody has
 * asked for happen in no search; the tests of the table find what is wrong then.
 */
import { type Mutant, mutant } from "./bug-hunt.ts";

export const brokerMutants: readonly Mutant[] = [
  mutant("outage", "brokers decide nothing", [
    {
      file: "services/table/promotion-input.js",
      find: "if (brokerServices === undefined)",
      replace: "if (true)",
    },
  ]),
  mutant("outage", "every broker that says that it is ready has everything", [
    {
      file: "brokers/ready-ranking.js",
      find: 'if (listed !== "ready" && !came) {',
      replace: "if (false) {",
    },
    {
      file: "brokers/ready-ranking.js",
      find: "const newer = ready.find((other) => leavesOut(other.sight, sight));",
      replace: "const newer = undefined;",
    },
  ]),
  mutant("outage", "the list of any broker counts as that of the primary", [
    {
      file: "services/table/broker-records.js",
      find: "if (!isPrimaryState(state))",
      replace: "if (false)",
    },
  ]),
  mutant("outage", "whoever knows the last primary has come to it since its last list", [
    {
      file: "brokers/ready-ranking.js",
      find: "recordAlone && hasComeTo(record, sight)",
      replace: "hasComeTo(record, sight)",
    },
  ]),
  mutant("outage", "a primary is moved before it was seen active", [
    {
      file: "services/table/broker-promotion.js",
      find: 'if (state !== "started" || owner === null)',
      replace: "if (true)",
    },
  ]),
  mutant("outage", "the list of a primary that recovers decides", [
    {
      file: "services/table/broker-records.js",
      find: 'state === "active" ? members : (before?.members ?? null)',
      replace: "members",
    },
  ]),
  mutant("outage", "the stop of the primary is believed whatever is left", [
    {
      file: "brokers/broker-care.js",
      find: "if (!this.#duty.observed || !known) {",
      replace: "if (true) {",
    },
  ]),
  mutant("outage", "what was not allowed to start is stopped", [
    {
      file: "life/promotion-watch.js",
      find: "declined.has(act.service)",
      replace: "false",
    },
  ]),
  mutant("outage", "a broker that is not seen keeps nobody from restarting the others", [
    {
      file: "brokers/standstill.js",
      find: 'case "silent":',
      replace: 'case "silent": return null;',
    },
  ]),
  mutant("outage", "a script promotes whatever has changed since it was decided", [
    {
      file: "life/promotion-watch.js",
      find: 'action === "start" ? rules.obstacle(act.service) : null',
      replace: "null",
    },
  ]),
  mutant("outage", "a primary is moved to a broker that was not asked first", [
    {
      file: "services/table/service-moves.js",
      find: "if (target === null) {",
      replace: "if (true) {",
    },
  ]),
  mutant("outage", "whoever is being asked may be primary", [
    {
      file: "services/table/promotion-input.js",
      find: 'if (said?.type === "pending")',
      replace: "if (false)",
    },
  ]),
];
