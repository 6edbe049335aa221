/**
 * The fence plan of one victim: which step is first, and which one follows the verdict on a step.
 * Methods are tried in the order of the file, the steps of each method in their order.
 * Source: cluster libfence/agent.c: fence_node; pacemaker fenced_remote.c: op_phase_off.
 * Deviation: a method with several devices and no explicit actions switches all of them off, then
 * all on, so that redundant power supplies are off at the same time. If "on" fails that is only a
 * warning, since the victim is off.
 */
import type { FenceDeviceUse, FenceMethodConf } from "../model/conf.ts";

export type FenceStep =
  /** Run the agent; `action` null: the action of its parameters, or else its default. */
  | {
      readonly type: "agent";
      readonly use: FenceDeviceUse;
      readonly action: "off" | "on" | null;
      /** The victim is off already: if the step fails it only stays off. */
      readonly optional: boolean;
    }
  /** Wait until the victim's lease must have ended. */
  | { readonly type: "self" };

export type FencePosition = { readonly method: number; readonly step: number };

export type FenceProgress =
  | { readonly type: "step"; readonly at: FencePosition; readonly step: FenceStep }
  /** The victim is off, because agents say so, or because its lease has ended as well. */
  | { readonly type: "fenced"; readonly method: string; readonly how: "agent" | "self" }
  | { readonly type: "exhausted" };

/** The steps of one method. */
export function expandMethod(method: FenceMethodConf): readonly FenceStep[] {
  const { devices } = method;
  const explicit = devices.some((use) => use.parameters.some(([name]) => name === "action"));
  const step = (use: FenceDeviceUse, action: "off" | "on" | null): FenceStep =>
    use.agent === "self"
      ? { type: "self" }
      : { type: "agent", use, action, optional: action === "on" };
  if (devices.length < 2 || explicit) return devices.map((use) => step(use, null));
  const powered = devices.filter((use) => use.agent !== "self");
  return [...devices.map((use) => step(use, "off")), ...powered.map((use) => step(use, "on"))];
}

export function firstStep(methods: readonly FenceMethodConf[]): FenceProgress {
  return stepAt(methods, { method: 0, step: 0 });
}

/** What follows the verdict of the step at `at`. */
export function nextStep(
  methods: readonly FenceMethodConf[],
  at: FencePosition,
  verdict: "success" | "failure",
): FenceProgress {
  const current = stepAt(methods, at);
  const optional =
    current.type === "step" && current.step.type === "agent" && current.step.optional;
  if (verdict === "failure" && !optional) {
    return stepAt(methods, { method: at.method + 1, step: 0 });
  }
  const method = methods[at.method];
  if (method === undefined) return { type: "exhausted" };
  const steps = expandMethod(method);
  if (at.step + 1 >= steps.length) {
    const how = steps.some((step) => step.type === "self") ? "self" : "agent";
    return { type: "fenced", method: method.name, how };
  }
  return stepAt(methods, { method: at.method, step: at.step + 1 });
}

function stepAt(methods: readonly FenceMethodConf[], at: FencePosition): FenceProgress {
  const method = methods[at.method];
  if (method === undefined) return { type: "exhausted" };
  const step = expandMethod(method)[at.step];
  if (step === undefined) return stepAt(methods, { method: at.method + 1, step: 0 });
  return { type: "step", at, step };
}
