/**
 * A corosync.conf of either generation → the draft of a cluster.conf.
 * Source: corosync.conf(5), votequorum(5).
 * Tested in: test/import/import-golden.test.ts
 */
import { parseInteger } from "../config/text/value-text.ts";
import { type ConfDraft, type ForeignNode, SectionDraft } from "./conf-draft.ts";
import { type ConfElement, confAttribute, confElement } from "./conf-element.ts";
import {
  type CorosyncSection,
  type CorosyncSetting,
  sectionsCalled,
  settingOf,
} from "./corosync-syntax.ts";
import { readTotemSection } from "./corosync-totem.ts";
import type { Remark } from "./remark.ts";

/** `accounts`: the files of the folder uidgid.d. */
export function draftOfCorosync(
  root: CorosyncSection,
  accounts: readonly CorosyncSection[],
): ConfDraft {
  const network = { cman: new SectionDraft(), totem: new SectionDraft() };
  const totems = sectionsCalled(root, "totem");
  for (const section of totems) readTotemSection(section, network);
  const quorums = sectionsCalled(root, "quorum");
  for (const section of quorums) readQuorumOptions(section.settings, network.cman);
  for (const device of quorums.flatMap(({ sections }) => sections))
    remarkDevice(device, network.cman);
  const logging = new SectionDraft();
  for (const section of sectionsCalled(root, "logging")) readLoggingSection(section, logging);
  const names = totems.flatMap((one) => settingOf(one, "cluster_name") ?? []);
  const expected = network.cman.section.attributes.find(({ name }) => name === "expected_votes");
  const listed = sectionsCalled(root, "nodelist").flatMap((one) => sectionsCalled(one, "node"));
  const nodes = listed.length > 0 ? listed.map(readNode) : membersOf(totems);
  return {
    at: root.at,
    name: names.at(-1) ?? null,
    nodes,
    nodesExpected: expected === undefined ? null : parseInteger(expected.value),
    sections: {
      cman: withoutIdleVotes(network.cman, nodes),
      totem: network.totem.section,
      logging: logging.section,
    },
    accounts: [root, ...accounts].flatMap((one) => sectionsCalled(one, "uidgid")).map(accountOf),
    remarks: [root, ...accounts].flatMap(remarksOnOthers),
  };
}

/** `expected_votes` says nothing beside a list of nodes whose votes it is the sum of. */
function withoutIdleVotes(cman: SectionDraft, nodes: readonly ForeignNode[]) {
  const { section } = cman;
  const sum = nodes.reduce((total, { votes }) => total + Number(votes?.value ?? 1), 0);
  const attributes = section.attributes.filter(({ name, value }) => {
    return name !== "expected_votes" || (nodes.length > 0 && value !== `${sum}`);
  });
  const isTwo = attributes.some(({ name, value }) => name === "two_node" && value === "1");
  // With two_node it must be 1 or absent; corosync wants 2.
  const kept = isTwo ? attributes.filter(({ name }) => name !== "expected_votes") : attributes;
  return { ...section, attributes: kept };
}

const quorumNames: readonly string[] = [
  ..."expected_votes two_node wait_for_all auto_tie_breaker auto_tie_breaker_node".split(" "),
  ..."last_man_standing last_man_standing_window".split(" "),
];

const quorumReasons: Readonly<Record<string, string>> = {
  allow_downscale: "expected votes do not fall when a node leaves",
  expected_votes_tracking: "expected votes stay as configured",
  votes: "give the node its votes",
};

/** Also of the part `Quorum` of `pcs config`. */
export function readQuorumOptions(settings: readonly CorosyncSetting[], cman: SectionDraft): void {
  for (const { key, value, at } of settings) {
    if (key === "provider") {
      if (value === "" || value === "corosync_votequorum") continue;
      cman.remark(at, `quorum provider ${value}: clusterd counts votes as votequorum does`);
    } else if (!quorumNames.includes(key)) {
      const reason = quorumReasons[key] ?? "it has no counterpart in cluster.conf";
      cman.remark(at, `quorum ${key}: ${value} is not carried over: ${reason}`);
    } else if (isIdle(key, value)) continue;
    else cman.attribute(key, { value, at });
  }
}

/** Switched off, which is the default; wait_for_all is on with two_node. */
function isIdle(key: string, value: string): boolean {
  return value === "" || (value === "0" && key !== "wait_for_all");
}

function remarkDevice({ name, at, sections }: CorosyncSection, cman: SectionDraft): void {
  const host = sections.flatMap((one) => settingOf(one, "host") ?? [])[0]?.value;
  const where = host === undefined ? "" : ` (host ${host})`;
  const text =
    `quorum ${name}${where} is not carried over: clusterd has no quorum device; a third machine ` +
    "that runs nothing but clusterd takes its place, or two_node with fence devices";
  cman.remark(at, text);
}

function readNode(section: CorosyncSection): ForeignNode {
  const addresses = section.settings
    .filter(({ key }) => /^ring\d_addr$/.test(key))
    .toSorted((a, b) => (a.key < b.key ? -1 : 1));
  const [first, ...others] = addresses;
  const name = settingOf(section, "name");
  const remarks: Remark[] = others.map(({ key, value, at }) => {
    return {
      at,
      text: `${key} ${value}: a second ring is not supported; bond the interfaces instead`,
    };
  });
  if (name !== null && name.value !== "" && first !== undefined && first.value !== name.value) {
    const text = `ring0_addr: ${name.value} must resolve to ${first.value} on every node`;
    remarks.unshift({ at: first.at, text });
  }
  const nodeName = name === null || name.value === "" ? (first?.value ?? "") : name.value;
  return {
    name: nodeName,
    id: settingOf(section, "nodeid")?.value ?? null,
    votes: settingOf(section, "quorum_votes"),
    addresses: addresses.map(({ value }) => value),
    at: section.at,
    remarks,
  };
}

/** corosync 1.4 lists nodes for unicast inside `interface`. */
function membersOf(totems: readonly CorosyncSection[]): readonly ForeignNode[] {
  const rings = totems.flatMap((one) => sectionsCalled(one, "interface")).slice(0, 1);
  const members = rings.flatMap((ring) => sectionsCalled(ring, "member"));
  return members.flatMap((member) => {
    const address = settingOf(member, "memberaddr");
    if (address === null) return [];
    const { value: name, at } = address;
    return [{ name, id: null, votes: null, addresses: [name], at, remarks: [] }];
  });
}

const logNames: Readonly<Record<string, string>> = {
  debug: "debug",
  to_file: "to_logfile",
  to_logfile: "to_logfile",
  logfile: "logfile",
  logfile_priority: "logfile_priority",
};

/** The journal has them, or they shape lines only. */
const silentLog: readonly string[] = [
  ..."to_syslog to_stderr timestamp fileline function_name syslog_facility".split(" "),
  ..."syslog_priority blackbox tags trace1 facility subsys name".split(" "),
];

function readLoggingSection(section: CorosyncSection, logging: SectionDraft): void {
  for (const attribute of logAttributes(section)) logging.attribute(attribute.name, attribute);
  for (const { key, value, at } of section.settings) {
    if (silentLog.includes(key) || logNames[key] !== undefined) continue;
    logging.remark(at, `logging ${key}: ${value} has no counterpart in cluster.conf`);
  }
  for (const part of section.sections) {
    const name = settingOf(part, "subsys") ?? settingOf(part, "name");
    const attributes = logAttributes(part).filter((one) => /priority|debug/.test(one.name));
    const matters = attributes.some(({ value }) => value !== "off" && value !== "no");
    if (name === null || !matters) continue;
    const daemon = confAttribute("name", "corosync", part.at);
    const word = name.value.toUpperCase();
    const subsystem = confAttribute("subsys", word === "VOTEQ" ? "QUORUM" : word, name.at);
    if (!["TOTEM", "MAIN", "CMAN", "QUORUM", "VOTEQ"].includes(word)) {
      logging.remark(
        part.at,
        `logging of ${name.value} is not carried over: clusterd has no such part`,
      );
      continue;
    }
    const all = [daemon, subsystem, ...attributes];
    logging.child(confElement("logging_daemon", part.at, { attributes: all }));
  }
}

function logAttributes(section: CorosyncSection) {
  const names = new Set(section.settings.map(({ key }) => key));
  return [...names].flatMap((key) => {
    const name = logNames[key];
    const setting = settingOf(section, key);
    if (name === undefined || setting === null) return [];
    // corosync has a third word for debug, which logs even more.
    const value = key === "debug" && setting.value === "trace" ? "on" : setting.value;
    return [confAttribute(name, value, setting.at)];
  });
}

function accountOf(section: CorosyncSection): ConfElement {
  const attributes = section.settings
    .filter(({ key }) => key === "uid" || key === "gid")
    .map(({ key, value, at }) => confAttribute(key, value, at));
  return confElement("uidgid", section.at, { attributes });
}

const read: readonly string[] = "totem nodelist quorum logging uidgid".split(" ");
const idle: readonly string[] = "amf aisexec system compatibility".split(" ");

function remarksOnOthers(root: CorosyncSection): readonly Remark[] {
  const others = root.sections.filter(({ name }) => !read.includes(name) && !idle.includes(name));
  return others.map(({ at, name, settings }) => {
    const service = name === "service" && settings.some(({ value }) => value === "pacemaker");
    const text = service
      ? "the services are in Pacemaker's CIB; import it in the same call"
      : `section ${name} has no counterpart in cluster.conf`;
    return { at, text };
  });
}
