/**
 * The configuration of this start: file → values, checked against this machine.
 * Tested in: test/e2e/wrong-input.test.ts
 */
import { createHash } from "node:crypto";
import { accountKey } from "../config/accounts-section.ts";
import { parseClusterConf } from "../config/cluster-conf.ts";
import { type Complaint, refuses, unreadableFile } from "../config/complaint.ts";
import type { FoundAgents } from "../config/found-agents.ts";
import { checkHost, type HostFacts, multicastFor } from "../config/host-check.ts";
import { addressesOf, chooseLocalNode } from "../config/local-node.ts";
import { gatherHostFacts } from "../io/host-facts.ts";
import { readText } from "../io/text-file.ts";
import type { ClusterConf, NodeConf, TotemConf } from "../model/conf.ts";
import type { NodeId } from "../model/ids.ts";
import { parseAddress } from "../model/numeric-address.ts";
import { searchAgents } from "./agent-search.ts";

export type LoadedConfiguration = {
  readonly conf: ClusterConf;
  readonly local: NodeConf;
  /** Numeric address of each node, ascending by id. */
  readonly addresses: readonly { readonly id: NodeId; readonly address: string }[];
  /** SHA-256 of the file, hexadecimal. */
  readonly hash: string;
  readonly text: string;
  /** Path of the file. */
  readonly file: string;
  /** The resource agents that it asked for. */
  readonly agents: FoundAgents;
  /** Numbers of the users and groups that get a socket for process groups, each once. */
  readonly accounts: readonly { readonly type: "uid" | "gid"; readonly id: number }[];
};

export type ConfigurationOutcome = {
  readonly complaints: readonly Complaint[];
  /** Null when there is an error among the complaints that is not about an agent. */
  readonly loaded: LoadedConfiguration | null;
};

/** Never throws: whatever is wrong with the file or the machine is a complaint. */
export async function loadConfiguration(
  file: string,
  nodeName: string | null,
  stateDirectory: string,
): Promise<ConfigurationOutcome> {
  const text = await readText(file);
  if (!text.ok) return { complaints: [unreadableFile(file, text.problem)], loaded: null };
  const { agents, units } = await searchAgents(text.value);
  const parsed = parseClusterConf(text.value, { file, agents });
  if (parsed.conf === null || parsed.places === null) {
    return { complaints: parsed.complaints, loaded: null };
  }
  const altnames = parsed.places.altnames.map(({ name }) => name);
  const asked = { nodeName, altnames, stateDirectory };
  const facts = { ...(await gatherHostFacts(parsed.conf, asked)), units };
  const complaints = [...parsed.complaints, ...checkHost(parsed.conf, facts, parsed.places)].sort(
    (a, b) => a.line - b.line,
  );
  const local = chooseLocalNode(parsed.conf, facts);
  if (!local.ok || refuses(complaints)) return { complaints, loaded: null };
  const addresses = parsed.conf.nodes.map((node) => ({
    id: node.id,
    address: addressesOf(facts, node)[0] ?? "",
  }));
  const ofIpv6 = addresses.some((one) => parseAddress(one.address)?.family === "ipv6");
  const { totem } = parsed.conf;
  const multicast = {
    ...totem.multicast,
    address: multicastFor(parsed.conf, parsed.places, ofIpv6 ? "ipv6" : "ipv4"),
  };
  const conf = { ...parsed.conf, totem: { ...totem, multicast } };
  const hash = createHash("sha256").update(text.value).digest("hex");
  const accounts = accountIds(conf, facts);
  return {
    complaints,
    loaded: { conf, local: local.value, addresses, hash, text: text.value, file, agents, accounts },
  };
}

/** A name and a number may stand for the same account. */
function accountIds(conf: ClusterConf, facts: HostFacts): LoadedConfiguration["accounts"] {
  const found = new Map<string, LoadedConfiguration["accounts"][number]>();
  for (const account of conf.accounts) {
    const id = facts.accounts.get(accountKey(account)) ?? null;
    if (id !== null) found.set(`${account.type} ${id}`, { type: account.type, id });
  }
  return [...found.values()];
}

/** Members of another one would wait for each other's part of the state exchange in vain. */
const exchangeVersion = 4;

/** Settings that must be equal on all members of a ring, as one number. */
export function ringConfigHash(totem: TotemConf): number {
  const { keyFile: _, multicast: __, ...shared } = totem;
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(JSON.stringify({ ...shared, exchangeVersion }))) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return hash;
}
