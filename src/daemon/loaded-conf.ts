/**
 * Reads the text of a conf, and checks the values against this machine.
 * READING1  A text is parsed once, and its document is passed on with it. So what was checked is
 *     what is used, whatever happens to the file.
 * Tested in: test/daemon/live-conf.test.ts, test/e2e/wrong-input.test.ts
 */

import { createHash } from "node:crypto";
import { type LoadOutcome, readClusterConf } from "../config/cluster-conf.ts";
import { checkHost, type HostFacts, multicastFor } from "../config/host/host-check.ts";
import { addressesOf, chooseLocalNode } from "../config/host/local-node.ts";
import { accountKey } from "../config/sections/accounts-section.ts";
import type { SourceLocations } from "../config/source-locations.ts";
import { type Complaint, preventsStart, unreadableFile } from "../config/text/complaint.ts";
import { foreignText } from "../config/text/foreign-format.ts";
import { type ParsedXml, parseXml } from "../config/text/xml.ts";
import type { CertificateOrder, WithoutProtocol } from "../guard/guard-messages.ts";
import { readText } from "../io/files/text-file.ts";
import { gatherHostFacts } from "../io/host/host-facts.ts";
import type { ClusterConf, NodeConf, TotemConf } from "../model/conf.ts";
import { fnvHash } from "../model/fnv.ts";
import type { NodeId } from "../model/ids.ts";
import { parseAddress } from "../model/numeric-address.ts";
import type { RingThreadOptions } from "../ring-thread/ring-port.ts";
import { type AgentSearch, searchAgents } from "./agent-search.ts";

/** A text and its document. */
export type ConfContent = {
  readonly text: string;
  /** SHA-256 of the text, hexadecimal. */
  readonly hash: string;
  readonly xml: ParsedXml;
};

/** What the text says, given the agents and units that were found for it. */
export type ConfReading = ConfContent & AgentSearch & { readonly outcome: LoadOutcome };

export type LoadedConf = {
  readonly conf: ClusterConf;
  readonly local: NodeConf;
  /** Numeric address of each node, ascending by id. */
  readonly addresses: readonly { readonly id: NodeId; readonly address: string }[];
  readonly reading: ConfReading;
  /** Path of the file. */
  readonly file: string;
  /** Numbers of the users and groups that get a socket for process groups, each once. */
  readonly accounts: readonly { readonly type: "uid" | "gid"; readonly id: number }[];
};

export type LoadedConfOutcome = {
  readonly complaints: readonly Complaint[];
  /** Null if one of the complaints is an error that is not about an agent. */
  readonly loaded: LoadedConf | null;
};

/** Never throws: whatever is wrong with the file or the machine becomes a complaint. */
export async function loadConf(
  file: string,
  nodeName: string | null,
  stateDirectory: string,
): Promise<LoadedConfOutcome> {
  const text = await readText(file);
  if (!text.ok) return { complaints: [unreadableFile(file, text.problem)], loaded: null };
  const content = parseContent(text.value);
  const foreign = content.xml.ok ? null : foreignText(text.value);
  if (foreign !== null) {
    return { complaints: [{ ...foreign, severity: "error", ...wholeOf(file) }], loaded: null };
  }
  const reading = await readHere(content, file);
  const { conf, locations, refused, complaints } = reading.outcome;
  const accepted = conf === null || locations === null ? null : { conf, locations };
  const toCheck = accepted ?? refused;
  if (toCheck === null) return { complaints, loaded: null };
  const checked = await checkHere(reading, toCheck, { file, nodeName, stateDirectory });
  const further = accepted !== null ? checked.complaints : furtherOnes(complaints, checked);
  const all = [...complaints, ...further].sort((a, b) => a.line - b.line);
  return { complaints: all, loaded: accepted === null ? null : checked.loaded };
}

const wholeOf = (file: string) => ({ file, line: 0, path: "" });

/** What is refused may be wrong here because of an error that was found in the file. */
function furtherOnes(
  found: readonly Complaint[],
  { complaints }: Pick<LoadedConfOutcome, "complaints">,
): readonly Complaint[] {
  const wrong = new Set(found.flatMap(({ severity, line }) => (severity === "error" ? line : [])));
  return complaints.filter(({ line }) => line === 0 || !wrong.has(line));
}

/** The only place where the daemon parses the text of a conf (READING1). */
export function parseContent(text: string): ConfContent {
  return { text, hash: confHash(text), xml: parseXml(text) };
}

/** SHA-256, hexadecimal. */
export function confHash(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/**
 * Finds the agents and units that the text asks for, and reads it. `file` is only its name in
 * complaints.
 */
export async function readHere(content: ConfContent, file: string): Promise<ConfReading> {
  return readWith(content, await searchAgents(content.xml), file);
}

/** Reads a text with the agents and units of an earlier search. */
export function readWith(content: ConfContent, search: AgentSearch, file: string): ConfReading {
  const outcome = readClusterConf(content.xml, { file, agents: search.agents });
  const { text, hash, xml } = content;
  return { text, hash, xml, agents: search.agents, units: search.units, outcome };
}

type Accepted = { readonly conf: ClusterConf; readonly locations: SourceLocations };

/** Checks a conf that is valid in itself against this machine. */
export async function checkHere(
  reading: ConfReading,
  { conf, locations }: Accepted,
  asked: {
    readonly file: string;
    readonly nodeName: string | null;
    readonly stateDirectory: string;
  },
): Promise<LoadedConfOutcome & { readonly facts: HostFacts }> {
  const altnames = locations.altnames.map(({ name }) => name);
  const { file, nodeName, stateDirectory } = asked;
  const questions = { nodeName, altnames, stateDirectory };
  const facts = { ...(await gatherHostFacts(conf, questions)), units: reading.units };
  const complaints = checkHost(conf, facts, locations);
  const local = chooseLocalNode(conf, facts);
  if (!local.ok || preventsStart(complaints)) return { complaints, facts, loaded: null };
  const addresses = conf.nodes.map((node) => ({
    id: node.id,
    address: addressesOf(facts, node)[0] ?? "",
  }));
  const ofIpv6 = addresses.some((one) => parseAddress(one.address)?.family === "ipv6");
  const { totem } = conf;
  const address = multicastFor(conf, locations, ofIpv6 ? "ipv6" : "ipv4");
  const inUse = { ...conf, totem: { ...totem, multicast: { ...totem.multicast, address } } };
  const accounts = accountIds(inUse, facts);
  const loaded = { conf: inUse, local: local.value, addresses, reading, file, accounts };
  return { complaints, facts, loaded };
}

/** Lists each account once: a name and a number may mean the same one. */
export function accountIds(
  conf: ClusterConf,
  facts: Pick<HostFacts, "accounts">,
): LoadedConf["accounts"] {
  const found = new Map<string, LoadedConf["accounts"][number]>();
  for (const account of conf.accounts) {
    const id = facts.accounts.get(accountKey(account)) ?? null;
    if (id !== null) found.set(`${account.type} ${id}`, { type: account.type, id });
  }
  return [...found.values()];
}

/**
 * The version of the state exchange. Members with different versions would wait in vain for each
 * other's part of it.
 */
const exchangeVersion = 8;

/** The options with which the ring thread is started. */
export function ringThreadOptions(
  { conf, local, addresses }: LoadedConf,
  stateDirectory: string,
): RingThreadOptions {
  return {
    clusterName: conf.name,
    clusterId: conf.clusterId,
    self: local.id,
    nodes: addresses,
    totem: conf.totem,
    configHash: ringConfigHash(conf.totem),
    stateDirectory,
    leaseMs: conf.fencing.leaseMs,
    safeWaitMs: conf.fencing.watchdog?.safeWaitMs ?? conf.fencing.safeWaitMs,
    realtime: true,
    nativeCalls: true,
  };
}

/** The death certificate of a life, as its guard is given it. */
export function certificateFor(
  frame: Uint8Array,
  { nodes, self, totem }: RingThreadOptions,
): Omit<WithoutProtocol<CertificateOrder>, "type"> {
  const others = nodes.filter(({ id }) => id !== self);
  return {
    frame: Buffer.from(frame).toString("hex"),
    from: nodes.find(({ id }) => id === self)?.address ?? "",
    to: others.map(({ address }) => address),
    port: totem.port,
  };
}

/** Settings that must be equal on all members of a ring, as one number. */
function ringConfigHash(totem: TotemConf): number {
  const { keyFile: _, multicast: __, ...shared } = totem;
  return fnvHash(JSON.stringify({ ...shared, exchangeVersion }));
}
