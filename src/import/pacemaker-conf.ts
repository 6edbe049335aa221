/**
 * What a configuration of Pacemaker says, whether it stands in a CIB or in the output of
 * `pcs config`.
 * Source: Pacemaker Explained 2.1.
 * Tested in: test/import/import-golden.test.ts
 */
import type { ForeignNode } from "./conf-draft.ts";
import type { CorosyncSetting } from "./corosync-syntax.ts";
import type { Place, Remark, Setting, Settings } from "./remark.ts";

export type ClusterOperation = {
  /** `monitor`, `start`, … */
  readonly name: string;
  /** `interval`, `timeout`, `on-fail`, `role`, `OCF_CHECK_LEVEL`, … */
  readonly options: Settings;
  readonly at: Place;
};

export type Primitive = {
  readonly type: "primitive";
  readonly id: string;
  /** `ocf`, `lsb`, `systemd`, `service`, `stonith`, … */
  readonly standard: string;
  readonly provider: string | null;
  readonly agent: string;
  readonly parameters: Settings;
  readonly meta: Settings;
  readonly operations: readonly ClusterOperation[];
  readonly at: Place;
};

export type Group = {
  readonly type: "group";
  readonly id: string;
  readonly members: readonly Primitive[];
  readonly meta: Settings;
  readonly at: Place;
};

export type Clone = {
  readonly type: "clone";
  readonly id: string;
  readonly promotable: boolean;
  readonly body: Primitive | Group;
  readonly meta: Settings;
  readonly at: Place;
};

export type ClusterResource = Primitive | Group | Clone;

type Constraint = { readonly id: string; readonly at: Place };

/** How much a node is preferred for a resource; `INFINITY` is 1,000,000. */
export type Preference = Constraint & {
  readonly resource: string;
  readonly node: string;
  readonly score: number;
};

export type Colocation = Constraint & {
  readonly resource: string;
  readonly with: string;
  readonly score: number;
  /** Only for a role other than started. */
  readonly role: string | null;
};

export type Ordering = Constraint & {
  readonly earlier: string;
  readonly later: string;
  /** False if it only orders what happens at the same time anyway. */
  readonly mandatory: boolean;
  /** Null: the start of both. */
  readonly action: string | null;
};

export type FenceLevel = {
  readonly node: string;
  readonly index: number;
  readonly devices: readonly string[];
  readonly at: Place;
};

export type PacemakerConf = {
  readonly at: Place;
  readonly name: Setting | null;
  readonly nodes: readonly ForeignNode[];
  readonly properties: Settings;
  /** `rsc_defaults` and `op_defaults`. */
  readonly resourceDefaults: Settings;
  readonly operationDefaults: Settings;
  /** Without fence devices. */
  readonly resources: readonly ClusterResource[];
  readonly fenceDevices: readonly Primitive[];
  readonly fenceLevels: readonly FenceLevel[];
  readonly preferences: readonly Preference[];
  readonly colocations: readonly Colocation[];
  readonly orderings: readonly Ordering[];
  /** What corosync has; `pcs config` shows it. */
  readonly quorum: readonly CorosyncSetting[];
  /** The ids of resources that are not read. */
  readonly leftOut: readonly string[];
  /** What is not read. */
  readonly remarks: readonly Remark[];
};

export const infinity = 1_000_000;

/** Null: it is none. */
export function parseScore(text: string): number | null {
  const word = /^([+-]?)INFINITY$/i.exec(text);
  if (word !== null) return word[1] === "-" ? -infinity : infinity;
  if (!/^[+-]?\d{1,9}$/.test(text)) return null;
  return Math.max(-infinity, Math.min(infinity, Number(text)));
}

export function isTrue(setting: Setting | undefined): boolean {
  return /^(true|on|yes|y|1)$/i.test(setting?.value ?? "");
}

export function isFalse(setting: Setting | undefined): boolean {
  return /^(false|off|no|n|0)$/i.test(setting?.value ?? "");
}

const unitMs: Readonly<Record<string, number>> = {
  "": 1000,
  us: 0.001,
  usec: 0.001,
  ms: 1,
  msec: 1,
  s: 1000,
  sec: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  hr: 3_600_000,
};

/** `10`, `10s`, `500ms`, `2min`, `PT1M30S` → whole seconds, rounded up; null: it is no time. */
export function secondsOf(text: string): number | null {
  const iso = /^P(?:(\d{1,5})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,7})M)?(?:(\d{1,8})S)?)?$/.exec(text);
  if (iso !== null) {
    const [days = 0, hours = 0, minutes = 0, seconds = 0] = iso
      .slice(1)
      .map((one) => Number(one ?? 0));
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
  }
  const [, digits = "", unit = ""] =
    /^(\d{1,9})(?:\.\d{1,9})?\s*([a-z]*)$/i.exec(text.trim()) ?? [];
  const factor = unitMs[unit.toLowerCase()];
  return digits === "" || factor === undefined ? null : Math.ceil((Number(digits) * factor) / 1000);
}
