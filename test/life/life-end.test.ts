/** What the process does when a life of the node has ended. */
import { test } from "tap";
import { type AfterLife, afterLife, type LifeEnd } from "../../src/life/life-end.ts";

const exit = (status: number): AfterLife => ({ type: "exit", status });
const fatal = (type: Extract<LifeEnd, { readonly type: "fatal" }>["problem"]["type"]): LifeEnd => ({
  type: "fatal",
  problem: { type, text: "a problem" },
});
const again: AfterLife = { type: "begin-again" };

test("each end, of a process that goes on and of one that was asked to end", (t) => {
  const table: readonly (readonly [LifeEnd, AfterLife, AfterLife])[] = [
    [{ type: "left" }, { type: "leave" }, { type: "leave" }],
    [{ type: "killed", text: "by node 2" }, exit(1), exit(1)],
    [{ type: "restart" }, again, exit(0)],
    [fatal("main-thread-silent"), again, exit(0)],
    [fatal("broken-invariant"), exit(1), exit(1)],
    [fatal("duplicate-node"), exit(1), exit(1)],
    [fatal("store"), exit(1), exit(1)],
    [fatal("transport"), exit(1), exit(1)],
    [fatal("key-file"), exit(1), exit(1)],
  ];
  for (const [end, goesOn, ends] of table) {
    const name = end.type === "fatal" ? end.problem.type : end.type;
    t.same(afterLife(end, false), goesOn, `${name}: goes on`);
    t.same(afterLife(end, true), ends, `${name}: was asked to end`);
  }
  t.end();
});
