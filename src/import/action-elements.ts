/**
 * The operations of a primitive → `<action>`: intervals of checks, time-outs.
 * Source: Pacemaker Explained 2.1, "Resource Operations"; rgmanager reslist.c: _get_actions_ccs.
 * Tested in: test/import/import-golden.test.ts
 */
import {
  type ConfAttribute,
  type ConfElement,
  confAttribute,
  confElement,
} from "./conf-element.ts";
import { type ClusterOperation, type Primitive, secondsOf } from "./pacemaker-conf.ts";
import type { Remark, Setting, Settings } from "./remark.ts";

export function actionElements(
  { operations, id }: Primitive,
  defaults: Settings,
): readonly ConfElement[] {
  const checks = operations.filter(isCheck);
  const found = operations.flatMap((operation) => {
    const { name, options, at } = operation;
    const isChecked = checks.includes(operation);
    if (!isChecked && name !== "start" && name !== "stop") return [];
    const remarks = failureRemark(operation, id);
    const timeout = time("timeout", options.get("timeout") ?? defaults.get("timeout"));
    const interval = isChecked ? time("interval", options.get("interval")) : [];
    const times = [...interval, ...timeout];
    if (times.length === 0) return [];
    const depth = isChecked ? [depthOf(operation, checks)] : [];
    const named = confAttribute("name", isChecked ? "status" : name, at);
    return [confElement("action", at, { attributes: [named, ...depth, ...times], remarks })];
  });
  return found.filter((one, index) => found.findIndex((each) => same(each, one)) === index);
}

/** A probe, which is made once, has the interval 0. */
function isCheck({ name, options }: ClusterOperation): boolean {
  const interval = options.get("interval")?.value;
  return name === "monitor" && (secondsOf(interval ?? "0") ?? 0) > 0;
}

function depthOf(
  { options, at }: ClusterOperation,
  checks: readonly ClusterOperation[],
): ConfAttribute {
  const level = options.get("OCF_CHECK_LEVEL");
  if (level !== undefined) return { ...level, name: "depth" };
  return confAttribute("depth", checks.length > 1 ? "0" : "*", at);
}

function time(name: string, setting: Setting | undefined): readonly ConfAttribute[] {
  const seconds = secondsOf(setting?.value ?? "") ?? 0;
  return setting === undefined || seconds === 0
    ? []
    : [confAttribute(name, `${seconds}`, setting.at)];
}

function same(a: ConfElement, b: ConfElement): boolean {
  const key = ({ attributes }: ConfElement) =>
    attributes
      .filter(({ name }) => name === "name" || name === "depth")
      .map(({ value }) => value)
      .join(" ");
  return key(a) === key(b);
}

/** What Pacemaker does beyond a restart. */
function failureRemark({ name, options }: ClusterOperation, id: string): readonly Remark[] {
  const wanted = options.get("on-fail");
  if (wanted === undefined || wanted.value === "restart") return [];
  // A service whose stop has failed is fenced for or blocked here, too.
  if (name === "stop" && ["block", "fence"].includes(wanted.value)) return [];
  const text =
    `${id}: ${name} on-fail=${wanted.value} is not carried over: what follows a failure is ` +
    "said for the service, recovery=";
  return [{ at: wanted.at, text }];
}
