/**
 * Fence devices of Pacemaker → `<fencedevice>`, and the methods of each node.
 * Source: Pacemaker Explained 2.1, "Fencing", "Special Meta-Attributes"; FenceAgentAPI.
 * Tested in: test/import/fence-elements.test.ts
 */
import { fenceDevicesMax, fenceMethodsMax } from "../config/text/defaults.ts";
import { type ConfElement, confAttribute, confElement } from "./conf-element.ts";
import { deviceUse, type FenceDeviceDraft, fenceDeviceDraft } from "./fence-device.ts";
import { type FenceLevel, isFalse, type PacemakerConf } from "./pacemaker-conf.ts";
import type { Place, Remark } from "./remark.ts";

export type FenceDrafts = {
  readonly devices: readonly ConfElement[];
  /** `<fence>` and `<unfence>`, by the name of the node. */
  readonly ofNode: ReadonlyMap<string, readonly ConfElement[]>;
  readonly remarks: readonly Remark[];
};

export function fenceElements(conf: PacemakerConf, nodes: readonly string[]): FenceDrafts {
  const remarks: Remark[] = [];
  const drafts = conf.fenceDevices.map((one) => fenceDeviceDraft(one, conf.properties));
  const usable = drafts.filter(({ element }) => element !== null);
  for (const draft of drafts) remarks.push(...draft.remarks);
  const checks = conf.fenceDevices.flatMap(({ operations }) => operations);
  const check = checks.find(({ name }) => name === "monitor");
  if (check !== undefined) {
    const text = "clusterd does not check fence devices by itself; fence_check-ts does, from cron";
    remarks.push({ at: check.at, text });
  }
  const enabled = conf.properties.get("stonith-enabled") ?? conf.properties.get("fencing-enabled");
  if (enabled !== undefined && isFalse(enabled) && drafts.length > 0) {
    const text = "stonith-enabled=false: no node uses a fence device";
    remarks.push({ at: enabled.at, text });
  }
  const isOff = isFalse(enabled);
  const ofNode = new Map<string, readonly ConfElement[]>();
  for (const node of isOff ? [] : nodes) {
    const levels = conf.fenceLevels.filter((one) => one.node === node);
    const elements = elementsFor(node, { drafts: usable, levels }, remarks);
    if (elements.length > 0) ofNode.set(node, elements);
  }
  for (const { node, at } of conf.fenceLevels.filter((one) => !nodes.includes(one.node))) {
    remarks.push({ at, text: `a fencing level of ${node}, which is no node, is left out` });
  }
  const devices = usable.flatMap(({ element }) => element ?? []);
  return { devices, ofNode, remarks };
}

type Given = {
  readonly drafts: readonly FenceDeviceDraft[];
  readonly levels: readonly FenceLevel[];
};

function elementsFor(node: string, { drafts, levels }: Given, remarks: Remark[]) {
  const able = drafts.filter((one) => one.hosts === null || one.hosts.has(node));
  const methods =
    levels.length > 0 ? ofLevels(node, { drafts, levels }, remarks) : ofEach(node, able);
  const [first] = methods;
  const unfencing = able.filter(({ unfences }) => unfences);
  const uses = unfencing.map((one) => deviceUse(one, node, "on"));
  if (methods.length > fenceMethodsMax && first !== undefined) {
    const text = `${node} has ${methods.length} fence methods: the first ${fenceMethodsMax} stay`;
    remarks.push({ at: first.at, text });
  }
  const kept = methods.slice(0, fenceMethodsMax);
  const [use] = uses;
  return [
    ...(first === undefined ? [] : [confElement("fence", first.at, { children: kept })]),
    ...(use === undefined ? [] : [confElement("unfence", use.at, { children: uses })]),
  ];
}

/** Pacemaker takes any device that can fence the node. */
function ofEach(node: string, able: readonly FenceDeviceDraft[]): readonly ConfElement[] {
  const sorted = able.toSorted((a, b) => b.priority - a.priority);
  return sorted.map((one) => {
    return methodOf(one.name, one.at, [deviceUse(one, node, null)]);
  });
}

function ofLevels(node: string, { drafts, levels }: Given, remarks: Remark[]) {
  const indices = [...new Set(levels.map(({ index }) => index))].toSorted((a, b) => a - b);
  return indices.flatMap((index) => {
    const same = levels.filter((one) => one.index === index);
    const names = same.flatMap(({ devices }) => devices);
    const [at] = same.map((one) => one.at);
    const found = names.flatMap((name) => drafts.find((one) => one.name === name) ?? []);
    if (at === undefined) return [];
    if (found.length < names.length || found.length > fenceDevicesMax / 2) {
      const text = `level ${index} of ${node} is left out: it needs devices that are missing here`;
      remarks.push({ at, text });
      return [];
    }
    return found.length === 0 ? [] : [methodOf(`level-${index}`, at, usesTogether(node, found))];
  });
}

/** Several devices of one node are switched off all before the first is switched on. */
function usesTogether(node: string, found: readonly FenceDeviceDraft[]): readonly ConfElement[] {
  if (found.length === 1) return found.map((one) => deviceUse(one, node, null));
  const off = found.map((one) => deviceUse(one, node, "off"));
  const staysOff = found.every(({ action }) => action === "off");
  return staysOff ? off : [...off, ...found.map((one) => deviceUse(one, node, "on"))];
}

function methodOf(name: string, at: Place, children: readonly ConfElement[]): ConfElement {
  return confElement("method", at, { attributes: [confAttribute("name", name, at)], children });
}
