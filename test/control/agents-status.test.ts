import { test } from "tap";
import { readAgents } from "../../src/control/agents-status.ts";
import { readJson } from "../../src/control/json-fields.ts";

const read = (value: unknown) => readJson(value, "agents", readAgents);

test("agents that are overdue are read with their service, words and seconds", async (t) => {
  const stop = { service: "service:web", text: "stop of script:httpd", seconds: 90 };
  const agents = { overdue: [stop, { ...stop, seconds: 91 }], overdueChecks: 1, untried: 2 };
  t.same(read(agents), { ok: true, value: agents });
});

test("what is no such status is refused with the place", async (t) => {
  const agents = { overdue: [], overdueChecks: 0, untried: 0 };
  t.match(read({ ...agents, untried: "none" }), { ok: false, problem: /agents\.untried/ });
  t.match(read({ ...agents, overdue: [{ service: "a" }] }), { ok: false, problem: /overdue/ });
  t.match(read(null), { ok: false, problem: "agents is not an object" });
});
