/** What the process does when a life of the node has ended. */
import { test } from "tap";
import {
  type AfterLife,
  afterLife,
  type BetweenLives,
  followLife,
  type LifeEnd,
} from "../../src/life/life-end.ts";
import { LocalDriver } from "../services/local-driver.ts";
import { settled, VirtualPromise } from "../sim/virtual-promise.ts";

const exit = (status: number): AfterLife => ({ type: "exit", status });
const fatal = (type: Extract<LifeEnd, { readonly type: "fatal" }>["problem"]["type"]): LifeEnd => ({
  type: "fatal",
  problem: { type, text: "a problem" },
});
const again: AfterLife = { type: "begin-again" };
const carried = {
  services: new LocalDriver().local,
  configHash: "the hash",
  memory: { last: null, doubts: [] },
};

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

/** What a process does when its life has ended so. */
function doneAfter(end: LifeEnd, parts: Partial<BetweenLives> = {}): readonly string[] {
  const done: string[] = [];
  followLife(end, {
    ending: () => false,
    carryOver: () => null,
    killLife: () => {
      done.push("kill the life");
      return settled(undefined);
    },
    killEverything: () => {
      done.push("kill everything");
      return settled(true);
    },
    say: (channel, text) => done.push(`${channel}: ${text}`),
    begin: (carried) => done.push(`begin with ${carried?.configHash ?? "nothing"}`),
    exit: (status) => done.push(`exit ${status}`),
    leave: (clean) => done.push(clean ? "leave" : "leave the rest to the guard"),
    ...parts,
  });
  return done;
}

test("only a life with something to carry over is followed without a kill", async (t) => {
  t.same(doneAfter({ type: "restart" }), [
    "kill the life",
    "kill everything",
    "begin with nothing",
  ]);
  t.same(doneAfter({ type: "restart" }, { carryOver: () => carried }), [
    "kill the life",
    "begin with the hash",
  ]);
  t.same(doneAfter({ type: "restart" }, { carryOver: () => ({ ...carried, services: null }) }), [
    "kill the life",
    "kill everything",
    "begin with the hash",
  ]);
});

test("a process that was asked to end meanwhile kills everything, and ends", async (t) => {
  let ending = false;
  const killed = new VirtualPromise<void>();
  const done: string[] = [];
  const told = doneAfter(
    { type: "restart" },
    {
      ending: () => ending,
      carryOver: () => carried,
      killLife: () => killed,
      killEverything: () => {
        done.push("kill everything");
        return settled(true);
      },
      exit: (status) => done.push(`exit ${status}`),
    },
  );
  t.same(told, []);
  ending = true;
  killed.settle(undefined);
  t.same(done, ["kill everything", "exit 0"]);
});

test("a requested end leaves to the guard what could not be killed", async (t) => {
  t.same(doneAfter({ type: "left" }), ["kill everything", "leave"]);
  const killEverything = () => settled(false);
  t.same(doneAfter({ type: "left" }, { killEverything }), ["leave the rest to the guard"]);
});

test("a process that ends by itself says why, after it has killed everything", async (t) => {
  t.same(doneAfter({ type: "killed", text: "killed by node 2" }), [
    "kill the life",
    "kill everything",
    "quorum: killed by node 2: this node ends at once",
    "exit 1",
  ]);
  t.match(doneAfter(fatal("store")).slice(-2), ["totem: the ring has ended: a problem", "exit 1"]);
});
