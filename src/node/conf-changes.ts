/**
 * What a new conf changes, in words for the operator who asked for it, one line for each thing.
 * Tested in: test/node/conf-changes.test.ts
 */
import type { ClusterConf, FencingConf, NodeConf, ServicesConf } from "../model/conf.ts";
import { type Ms, secondsText } from "../model/time.ts";
import { compareServices, type ServiceDelta } from "../services/tree/tree-delta.ts";

const deltaWords: Readonly<Record<Exclude<ServiceDelta, "same">, string>> = {
  added: "is new",
  removed: "is removed",
  replaced: "is another service now",
  parts: "has other resources",
  attributes: "has other attributes",
};

export function confChanges(old: ClusterConf, next: ClusterConf): readonly string[] {
  return [
    ...serviceChanges(old.services, next.services),
    ...nodeChanges(old.nodes, next.nodes),
    ...fencingChanges(old.fencing, next.fencing),
    ...(same(old.logging, next.logging) ? [] : ["<logging> has changed"]),
    ...(same(old.accounts, next.accounts) ? [] : ["<uidgid> has changed"]),
  ];
}

function serviceChanges(old: ServicesConf, next: ServicesConf): readonly string[] {
  const services = [...compareServices(old, next)].flatMap(([name, delta]) => {
    return delta === "same" ? [] : [`${name} ${deltaWords[delta]}`];
  });
  const domains = new Set([...old.domains, ...next.domains].map(({ name }) => name));
  const changed = [...domains].flatMap((name) => {
    const [before, after] = [old, next].map((one) => one.domains.find((its) => its.name === name));
    if (same(before ?? null, after ?? null)) return [];
    const how =
      before === undefined ? "is new" : after === undefined ? "is removed" : "has changed";
    return [`failover domain ${name} ${how}`];
  });
  const rest = ({ services: _, domains: __, ...options }: ServicesConf) => options;
  return [...services, ...changed, ...(same(rest(old), rest(next)) ? [] : ["<rm> has changed"])];
}

function nodeChanges(old: readonly NodeConf[], next: readonly NodeConf[]): readonly string[] {
  return next.flatMap(({ id, name, fenceMethods, unfence }) => {
    const before = old.find((one) => one.id === id);
    return [
      ...(same(before?.fenceMethods, fenceMethods) ? [] : [`${name} has other fence devices`]),
      ...(same(before?.unfence, unfence) ? [] : [`${name} has other devices that unfence it`]),
    ];
  });
}

function fencingChanges(old: FencingConf, next: FencingConf): readonly string[] {
  const times = [
    ["post_join_delay", old.postJoinDelayMs, next.postJoinDelayMs],
    ["post_fail_delay", old.postFailDelayMs, next.postFailDelayMs],
    ["override_time", old.overrideTimeMs, next.overrideTimeMs],
    ["agent_timeout", old.agentTimeoutMs, next.agentTimeoutMs],
  ] as const;
  const flags = [
    ["clean_start", old.cleanStart, next.cleanStart],
    ["skip_undefined", old.skipUndefined, next.skipUndefined],
  ] as const;
  return [
    ...times.flatMap(([name, before, after]) => {
      return before === after ? [] : [`${name}: ${time(before)} -> ${time(after)}`];
    }),
    ...flags.flatMap(([name, before, after]) => {
      return before === after ? [] : [`${name}: ${Number(before)} -> ${Number(after)}`];
    }),
  ];
}

function time(value: Ms | null): string {
  return value === null ? "for ever" : secondsText(value);
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
