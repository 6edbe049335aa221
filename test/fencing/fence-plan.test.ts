/**
 * The fence plan: which step follows which verdict, in the words of the device calls.
 * Cases: those of the list "fencing" in test/cases.txt.
 */
import { test } from "tap";
import {
  expandMethod,
  type FenceProgress,
  type FenceStep,
  firstStep,
  nextStep,
} from "../../src/fencing/fence-plan.ts";
import { FenceRound } from "../../src/fencing/fence-round.ts";
import type { FenceMethodConf } from "../../src/model/conf.ts";
import { BrokenInvariant } from "../../src/model/outcome.ts";
import { sampleConf } from "../sim/sample-conf.ts";
import { method } from "./fence-cluster.ts";

function words(step: FenceStep): string {
  if (step.type === "self") return "self";
  const optional = step.optional ? " (optional)" : "";
  return `${step.action ?? "as configured"} ${step.use.device}${optional}`;
}

/** Walks the plan; `failing` names the steps whose agent fails. */
function walk(methods: readonly FenceMethodConf[], failing: readonly string[]): readonly string[] {
  const walked: string[] = [];
  let progress: FenceProgress = firstStep(methods);
  while (progress.type === "step") {
    const { at, step } = progress;
    const text = words(step);
    walked.push(text);
    const failed = failing.some((one) => text.startsWith(one));
    progress = nextStep(methods, at, failed ? "failure" : "success");
  }
  const end =
    progress.type === "fenced" ? `fenced by ${progress.method} (${progress.how})` : "none";
  return [...walked, end];
}

const supplies = method("power", "fence_apc nps1", "fence_apc nps2");
const spare = method("spare", "fence_ipmilan bmc");

test("one device runs as it is configured", async (t) => {
  t.same(walk([spare], []), ["as configured bmc", "fenced by spare (agent)"]);
});

test("methods are tried in file order until one succeeds", async (t) => {
  const methods = [method("a", "fence_a one"), method("b", "fence_b two"), spare];
  t.same(walk(methods, ["as configured one"]), [
    "as configured one",
    "as configured two",
    "fenced by b (agent)",
  ]);
  t.same(walk(methods, ["as configured"]), [
    "as configured one",
    "as configured two",
    "as configured bmc",
    "none",
  ]);
});

test("case 14: several devices without actions: all off, then all on", async (t) => {
  t.same(walk([supplies], []), [
    "off nps1",
    "off nps2",
    "on nps1 (optional)",
    "on nps2 (optional)",
    "fenced by power (agent)",
  ]);
});

test("case 14: a failing `on` is no failure: the victim is off", async (t) => {
  for (const failing of ["on nps1", "on nps2"]) {
    t.equal(walk([supplies, spare], [failing]).at(-1), "fenced by power (agent)", failing);
  }
});

test("case 14: a failing `off` ends the method: no `on` is sent, the next follows", async (t) => {
  t.same(walk([supplies, spare], ["off nps2"]), [
    "off nps1",
    "off nps2",
    "as configured bmc",
    "fenced by spare (agent)",
  ]);
});

test("explicit actions are taken as they are written", async (t) => {
  const written = method("power", "fence_apc nps1 off", "fence_apc nps2 off", "fence_apc nps1 on");
  t.same(expandMethod(written).map(words), [
    "as configured nps1",
    "as configured nps2",
    "as configured nps1",
  ]);
  t.equal(walk([written], ["as configured nps2"]).at(-1), "none", "each of them must succeed");
});

test("a method that waits for the lease says so, even when agents did the rest", async (t) => {
  t.same(walk([method("wait", "self")], []), ["self", "fenced by wait (self)"]);
  t.same(walk([method("both", "fence_apc nps1", "self")], []), [
    "off nps1",
    "self",
    "on nps1 (optional)",
    "fenced by both (self)",
  ]);
});

test("a method without devices is passed over", async (t) => {
  t.same(walk([method("empty"), spare], []), ["as configured bmc", "fenced by spare (agent)"]);
  t.same(walk([method("empty")], []), ["none"]);
});

test("a round adds the victim's own lease when that was asked for", async (t) => {
  const [conf] = sampleConf({ fenceMethods: [spare] }).nodes;
  if (conf === undefined) throw new Error("no node");
  const round = new FenceRound(conf, { selfLast: true });
  t.match(round.order(), { type: "agent", victim: "node1.example.com", action: null });
  t.equal(round.next("failure").type, "step");
  t.same(round.order(), { type: "self" });
  t.match(round.next("success"), { type: "fenced", method: "self", how: "self" });
  t.throws(() => round.order(), BrokenInvariant, "it has ended");
  const without = new FenceRound(conf, { selfLast: false });
  t.same(without.next("failure"), { type: "exhausted" });
});
