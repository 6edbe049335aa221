/**
 * Drafts of imported files → the tree of the cluster.conf: its name, its nodes with their ids, and
 * one section of each kind.
 * Source: cluster.conf(5).
 * Tested in: test/import/import-golden.test.ts
 */
import { clusterNameBytesMax } from "../config/text/defaults.ts";
import { parseInteger } from "../config/text/value-text.ts";
import { nodesMax, parseNodeId } from "../model/ids.ts";
import { parseAddress } from "../model/numeric-address.ts";
import { quoted } from "../model/visible-text.ts";
import {
  type ConfDraft,
  draftSections,
  emptySection,
  type ForeignNode,
  mergeSections,
} from "./conf-draft.ts";
import {
  type ConfAttribute,
  type ConfElement,
  confAttribute,
  confElement,
} from "./conf-element.ts";
import type { FenceDrafts } from "./fence-elements.ts";
import type { PacemakerConf } from "./pacemaker-conf.ts";
import { draftOfPacemaker } from "./pacemaker-draft.ts";
import type { Place, Remark } from "./remark.ts";

export type AssembledConf = {
  readonly root: ConfElement;
  /** The comment above everything. */
  readonly heading: readonly string[];
  readonly incomplete: boolean;
};

/** One of each at most, and at least one in all. */
export function assembleConf(
  corosync: readonly ConfDraft[],
  pacemaker: readonly PacemakerConf[],
): AssembledConf {
  const known = chooseNodes([...corosync, ...pacemaker]);
  const at = [...corosync, ...pacemaker][0]?.at ?? { file: "", line: 1 };
  const expected = corosync[0]?.nodesExpected ?? null;
  const nodes = known.nodes.length > 0 ? known.nodes : placeholders(expected, at);
  const names = nodes.map(({ name }) => name);
  const services = pacemaker.map((one) => draftOfPacemaker(one, names));
  const drafts = [...corosync, ...services.map(({ draft }) => draft)];
  const fences = services.map(({ fence }) => fence);
  const incomplete = known.nodes.length === 0;
  const name = chooseName(drafts, at);
  const remarks = [
    ...name.remarks,
    ...known.remarks,
    ...(corosync.length > 0 ? [] : [{ at, text: corosyncMissing }]),
    ...drafts.flatMap((one) => one.remarks),
  ];
  const version = confAttribute("config_version", "1", at);
  const children = [nodesElement(nodes, fences, at), ...sectionElements(drafts, at, fences)];
  const root = confElement("cluster", at, {
    attributes: [name.attribute, version],
    children,
    remarks,
  });
  return { root, heading: headingOf(drafts, incomplete), incomplete };
}

const corosyncMissing =
  "transport, key, timers and votes stand in corosync.conf; to carry them over, import it in the " +
  "same call";

function headingOf(drafts: readonly ConfDraft[], incomplete: boolean): readonly string[] {
  const files = drafts.map(({ at }) => at.file).join(" and ");
  return [
    `Made by clusterd from ${files}.`,
    "Each comment names the line of what could not be carried over.",
    ...(incomplete ? ["CHANGE the names of the nodes: the imported file does not have them."] : []),
    "Check the result on every node with clusterd's check option before a start.",
  ];
}

type Named = { readonly attribute: ConfAttribute; readonly remarks: readonly Remark[] };

const nameDefault = "cluster";

/** The name identifies the cluster on the network, so a changed one is worth a remark. */
function chooseName(drafts: readonly ConfDraft[], at: Place): Named {
  const given = drafts.flatMap(({ name }) => name ?? []).find(({ value }) => value.trim() !== "");
  if (given === undefined) {
    const text = `no name is given: CHANGE name="${nameDefault}", every cluster needs its own`;
    return { attribute: confAttribute("name", nameDefault, at), remarks: [{ at, text }] };
  }
  const clean = given.value.replace(/[^A-Za-z0-9._-]/g, "_").slice(0, clusterNameBytesMax);
  const attribute = confAttribute("name", clean, given.at);
  if (clean === given.value) return { attribute, remarks: [] };
  const text =
    `the name ${quoted(given.value)} became ${clean}: at most ${clusterNameBytesMax} letters, ` +
    "digits, dots, underlines and hyphens";
  return { attribute, remarks: [{ at: given.at, text }] };
}

type NodeSource = { readonly nodes: readonly ForeignNode[] };
type KnownNodes = { readonly nodes: readonly ForeignNode[]; readonly remarks: readonly Remark[] };

/** Those of corosync, which are members; the CIB also keeps nodes that have gone. */
function chooseNodes(sources: readonly NodeSource[]): KnownNodes {
  const [first, ...others] = sources.filter(({ nodes }) => nodes.length > 0);
  if (first === undefined) return { nodes: [], remarks: [] };
  const further = others.flatMap(({ nodes }) => nodes);
  const matches = (a: ForeignNode, b: ForeignNode) =>
    a.name.toLowerCase() === b.name.toLowerCase() ||
    (b.id !== null && (a.id === null ? idsOfAddress(a) : [a.id]).includes(b.id));
  const nodes = first.nodes.map((node) => {
    const same = further.find((one) => matches(node, one));
    if (same === undefined) return node;
    // Pacemaker's constraints call it by that name.
    const isRenamed = same.name !== node.name;
    const [address] = node.addresses;
    const text = `${same.name} must resolve to ${address ?? node.name} on every node`;
    const remarks = isRenamed ? [{ at: node.at, text }] : [];
    return { ...node, name: same.name, remarks: [...remarks, ...node.remarks, ...same.remarks] };
  });
  const strangers = further.filter((one) => !first.nodes.some((node) => matches(node, one)));
  const remarks = strangers.map(({ name, at }) => {
    return { at, text: `node ${name} is left out: it is not in the list of nodes of corosync` };
  });
  return { nodes, remarks };
}

/** The ids that versions of corosync give to a node without one: its address as a number. */
function idsOfAddress({ addresses }: ForeignNode): readonly string[] {
  const bytes = parseAddress(addresses[0] ?? "")?.bytes ?? [];
  if (bytes.length !== 4) return [];
  return [bytes, bytes.toReversed()].flatMap((order) => {
    const id = order.reduce((number, byte) => number * 256 + byte, 0);
    return [`${id}`, `${id % 2 ** 31}`];
  });
}

const placeholdersDefault = 3;

function placeholders(expected: number | null, at: Place): readonly ForeignNode[] {
  const count = Math.min(nodesMax, Math.max(1, expected ?? placeholdersDefault));
  return Array.from({ length: count }, (_, index) => {
    const text = "the names of the nodes are in no imported file: CHANGE name";
    const remarks = index === 0 ? [{ at, text }] : [];
    return { name: `CHANGE-node${index + 1}`, id: null, votes: null, addresses: [], at, remarks };
  });
}

function nodesElement(
  nodes: readonly ForeignNode[],
  fences: readonly FenceDrafts[],
  at: Place,
): ConfElement {
  const ids = chooseIds(nodes);
  const children = nodes.map((node, index) => {
    const id = ids[index] ?? 0;
    const isNew = node.id !== null && node.id !== `${id}`;
    const text = `nodeid ${node.id} became ${id}: ids are 1 to 4095 and unique`;
    const attributes = [
      confAttribute("name", node.name, node.at),
      confAttribute("nodeid", `${id}`, node.at),
      ...(node.votes === null ? [] : [confAttribute("votes", node.votes.value, node.votes.at)]),
    ];
    return confElement("clusternode", node.at, {
      attributes,
      children: fences.flatMap(({ ofNode }) => ofNode.get(node.name) ?? []),
      remarks: [...node.remarks, ...(isNew ? [{ at: node.at, text }] : [])],
    });
  });
  return confElement("clusternodes", at, { children });
}

/** The ids; large, missing and repeated ones are replaced by the lowest that are free. */
function chooseIds(nodes: readonly ForeignNode[]): readonly number[] {
  const kept = new Set<number>();
  const own = nodes.map(({ id }) => {
    const number = parseNodeId(parseInteger(id ?? ""));
    if (number === null || kept.has(number)) return null;
    kept.add(number);
    return number;
  });
  let free = 0;
  return own.map((id) => {
    if (id !== null) return id;
    do free += 1;
    while (kept.has(free));
    return free;
  });
}

function sectionElements(
  drafts: readonly ConfDraft[],
  at: Place,
  fences: readonly FenceDrafts[],
): readonly ConfElement[] {
  const sections = draftSections.flatMap((name) => {
    const parts = drafts.map(({ sections: all }) => all[name] ?? emptySection);
    const merged = parts.reduce(mergeSections, emptySection);
    const { attributes, children, remarks } = merged;
    const isEmpty = attributes.length + children.length + remarks.length === 0;
    return isEmpty ? [] : [confElement(name, at, { attributes, children, remarks })];
  });
  const accounts = drafts.flatMap((one) => one.accounts);
  const devices = fences.flatMap((one) => one.devices);
  const remarks = fences.flatMap((one) => one.remarks);
  const fencing =
    devices.length + remarks.length === 0
      ? []
      : [confElement("fencedevices", at, { children: devices, remarks })];
  const isRm = ({ name }: ConfElement) => name === "rm";
  return [
    ...sections.filter((one) => !isRm(one)),
    ...accounts,
    ...fencing,
    ...sections.filter(isRm),
  ];
}
