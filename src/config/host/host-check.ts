/**
 * Checks the configuration against the machine: names, addresses, key file, agents, scripts.
 * Its caller gathers the facts.
 * Source: cman cman-preconfig.c: add_ifaddr, address_family; clusterd's own rules for files.
 */
import { type ClusterConf, keyFileBytesMin, type NodeConf } from "../../model/conf.ts";
import {
  type AddressFamily,
  canonicalAddress,
  familyWords,
  isLoopback,
  isMulticast,
  isUnspecifiedOrBroadcast,
  parseAddress,
} from "../../model/numeric-address.ts";
import { accountKey } from "../sections/accounts-section.ts";
import { multicastAddress } from "../sections/cluster-id.ts";
import { selfAgent } from "../sections/fence-methods-section.ts";
import type { SourceLocations } from "../source-locations.ts";
import { type Complaint, type Finding, Report, type SourceLocation } from "../text/complaint.ts";
import { addressesOf, chooseLocalNode, isLocal } from "./local-node.ts";
import {
  type AddressFacts,
  checkInterfaces,
  checkServiceAddresses,
} from "./service-address-check.ts";

export type FileFact =
  | { readonly type: "absent"; readonly cause: string }
  | { readonly type: "present"; readonly regular: boolean; readonly executable: boolean };

export type KeyFileFact =
  | { readonly type: "absent"; readonly cause: string }
  | {
      readonly type: "present";
      readonly regular: boolean;
      readonly readable: boolean;
      /** Permission bits. */
      readonly mode: number;
      readonly sizeBytes: number;
    };

/** What systemd says of a unit. */
export type UnitFact =
  | { readonly type: "no-systemd" }
  | { readonly type: "failed"; readonly cause: string }
  | { readonly type: "known"; readonly loadState: string; readonly fileState: string };

export type HostFacts = AddressFacts & {
  /** By path; a script that is missing here is not checked. */
  readonly scripts: ReadonlyMap<string, FileFact>;
  /** Null when the configuration names no key file. */
  readonly keyFile: KeyFileFact | null;
  /** Why the log file cannot be written; null or absent: it can be written, or there is none. */
  readonly logFile?: string | null;
  /** The path by name of the agent; null: not found. An agent that is missing is not checked. */
  readonly fenceAgents: ReadonlyMap<string, string | null>;
  /** The numbers of users and groups, by key of the account; null: unknown on this machine. */
  readonly accounts: ReadonlyMap<string, number | null>;
  /** By name with suffix; a unit that is missing here is not checked. */
  readonly units?: ReadonlyMap<string, UnitFact>;
  /** Directories in which agents were looked for. */
  readonly searchPath: readonly string[];
};

/** What is wrong with this configuration on this machine, in line order. */
export function checkHost(
  conf: ClusterConf,
  host: HostFacts,
  locations: SourceLocations,
): readonly Complaint[] {
  const report = new Report(locations.file);
  const check = new HostCheck(conf, { host, locations }, report);
  check.names();
  check.sharedAddresses();
  check.families();
  checkServiceAddresses(conf, { host, locations }, report);
  checkInterfaces(conf, { host, locations }, report);
  check.localNode();
  check.keyFile();
  check.logFile();
  check.agents();
  check.scripts();
  check.units();
  check.accounts();
  return report.sorted();
}

/** The multicast address: from the file, or computed for the address family of the nodes. */
export function multicastFor(
  conf: ClusterConf,
  locations: SourceLocations,
  family: AddressFamily,
): string {
  if (locations.multicast !== null) return conf.totem.multicast.address;
  return multicastAddress(conf.clusterId, family);
}

const whole: SourceLocation = { path: "/cluster", line: 0 };

/** For fence agents that no package has, or another one than the usual. */
const agentRemedies: Readonly<Record<string, string>> = {
  fence_manual:
    "take its devices out: without a fence device clusterd waits until the lease of the node has " +
    "ended, and an operator who has switched it off says so with fence_ack-ts",
  fence_xvm: "install it on this node (Debian: package fence-virt)",
  fence_virt: "install it on this node (Debian: package fence-virt)",
  fence_pcmk:
    "it hands the work to Pacemaker, which is not here: the devices and the services are in the " +
    "CIB, which clusterd --import FILE prints as a cluster.conf",
};

class HostCheck {
  readonly #conf: ClusterConf;
  readonly #host: HostFacts;
  readonly #locations: SourceLocations;
  readonly #report: Report;
  /** Whether all names resolve to 127.0.0.0/8: a test cluster on one machine. */
  readonly #loopbackCluster: boolean;

  constructor(
    conf: ClusterConf,
    given: { readonly host: HostFacts; readonly locations: SourceLocations },
    report: Report,
  ) {
    this.#conf = conf;
    this.#host = given.host;
    this.#locations = given.locations;
    this.#report = report;
    const firsts = conf.nodes.map((node) => addressesOf(given.host, node)[0]);
    this.#loopbackCluster = firsts.every((first) => {
      const address = parseAddress(first ?? "");
      return address?.family === "ipv4" && isLoopback(address);
    });
  }

  names(): void {
    for (const node of this.#conf.nodes) {
      const resolved = this.#host.resolved.get(node.name);
      if (resolved === undefined || resolved.type === "failed") {
        const cause = resolved?.cause ?? "not looked up";
        const problem = `${node.name} does not resolve: ${cause}`;
        const allowed = "use an address or add it to /etc/hosts";
        this.#error(node, { type: "host", problem, allowed });
        continue;
      }
      this.#address(node, resolved.addresses[0] ?? "");
      if (resolved.source === "dns") {
        const problem = `${node.name} was resolved by DNS`;
        const allowed = "add it to /etc/hosts, so that a start needs no name server";
        this.#report.warning(this.#locationOf(node), { type: "host", problem, allowed });
      }
    }
    const [first] = this.#conf.nodes;
    if (!this.#loopbackCluster || first === undefined) return;
    const problem = "all nodes have loopback addresses: a test cluster on one machine";
    this.#report.warning(this.#locationOf(first), { type: "host", problem });
  }

  sharedAddresses(): void {
    const owners = new Map<string, NodeConf>();
    for (const node of this.#conf.nodes) {
      const [address] = addressesOf(this.#host, node);
      if (address === undefined) continue;
      const owner = owners.get(canonicalAddress(address));
      owners.set(canonicalAddress(address), owner ?? node);
      if (owner === undefined) continue;
      const problem = `${owner.name} and ${node.name} resolve to one address, ${address}`;
      this.#error(node, { type: "host", problem, allowed: "each node needs its own" });
    }
  }

  families(): void {
    const [first, ...others] = this.#conf.nodes.flatMap((node) => {
      const literal = parseAddress(addressesOf(this.#host, node)[0] ?? "");
      return literal === null ? [] : [{ node, family: literal.family }];
    });
    if (first === undefined) return;
    const other = others.find(({ family }) => family !== first.family);
    if (other !== undefined) {
      const problem =
        `${first.node.name} has an ${familyWords[first.family]} address, ` +
        `${other.node.name} an ${familyWords[other.family]} address`;
      this.#error(other.node, { type: "host", problem, allowed: "all nodes need one family" });
      return;
    }
    const { transport, multicast } = this.#conf.totem;
    const location = this.#locations.multicast;
    const group = parseAddress(multicast.address);
    if (transport !== "udp" || location === null || group?.family === first.family) return;
    const suggested = multicastAddress(this.#conf.clusterId, first.family);
    const family = familyWords[first.family];
    const problem = `multicast address ${multicast.address}, but the nodes are ${family}`;
    this.#report.error(location, { type: "host", problem, allowed: `for example ${suggested}` });
  }

  localNode(): void {
    const chosen = chooseLocalNode(this.#conf, this.#host);
    if (!chosen.ok) {
      this.#report.error(whole, chosen.problem);
      return;
    }
    const node = chosen.value;
    const [address] = addressesOf(this.#host, node);
    if (address === undefined || isLocal(this.#host, address)) return;
    const here = this.#host.localAddresses.join(" ");
    const problem = `this is ${node.name}, but its address ${address} is on no local interface`;
    this.#error(node, { type: "host", problem, allowed: `local addresses: ${here}` });
  }

  keyFile(): void {
    const location = this.#locations.keyFile;
    const path = this.#conf.totem.keyFile;
    if (this.#host.keyFile === null || location === null || path === null) return;
    const problem = keyFileProblem(this.#host.keyFile);
    if (problem === null) return;
    const allowed = `a regular file, mode 0600 or 0400, at least ${keyFileBytesMin} bytes`;
    this.#report.error(location, { type: "host", problem: `key file ${path} ${problem}`, allowed });
  }

  logFile(): void {
    const { logFile: cause = null } = this.#host;
    if (cause === null) return;
    const problem = `log file ${this.#conf.logging.logFile ?? ""}: ${cause}`;
    const allowed = "until it can be written, lines go to standard output only";
    this.#report.warning(this.#locations.logging, { type: "host", problem, allowed });
  }

  agents(): void {
    for (const [agent, location] of this.#locations.agents) {
      if (agent === selfAgent || this.#host.fenceAgents.get(agent) !== null) continue;
      const searched = `searched: ${this.#host.searchPath.join(" ")}`;
      const remedy = agentRemedies[agent] ?? "install it on this node (Debian: fence-agents)";
      const allowed = `${remedy}; ${searched}`;
      this.#report.error(location, { type: "host", problem: `${agent}: not found`, allowed });
    }
  }

  scripts(): void {
    for (const [path, location] of this.#locations.scripts) {
      const cause = scriptProblem(this.#host.scripts.get(path));
      if (cause === null) continue;
      const problem = `${path}${cause.startsWith("is ") ? " " : ": "}${cause}`;
      const allowed = "install it; until then its services cannot run on this node";
      this.#report.error(location, { type: "agent", problem, allowed });
    }
  }

  units(): void {
    for (const [unit, location] of this.#locations.units) {
      const fact = this.#host.units?.get(unit);
      const finding = fact === undefined ? null : unitFinding(unit, fact);
      if (finding === null) continue;
      if (finding.type === "agent") this.#report.error(location, finding);
      else this.#report.warning(location, finding);
    }
  }

  accounts(): void {
    for (const account of this.#conf.accounts) {
      const key = accountKey(account);
      const location = this.#locations.accounts.get(key);
      if (location === undefined || this.#host.accounts.get(key) !== null) continue;
      const [kind, file] = account.type === "uid" ? ["user", "passwd"] : ["group", "group"];
      const problem = `${kind} ${account.name} is unknown: it cannot use process groups here`;
      const allowed = `a name in /etc/${file}, or a number`;
      this.#report.warning(location, { type: "host", problem, allowed });
    }
  }

  #address(node: NodeConf, address: string): void {
    const literal = parseAddress(address);
    if (literal === null || isUnspecifiedOrBroadcast(literal) || isMulticast(literal)) {
      const problem = `${node.name} resolves to ${address}, which no node can have`;
      this.#error(node, { type: "host", problem, allowed: "give the node a network address" });
    } else if (isLoopback(literal) && !this.#loopbackCluster) {
      const problem =
        this.#conf.nodes.length === 1
          ? `${node.name} resolves to loopback ${address}`
          : `${node.name} resolves to loopback ${address} while others do not`;
      this.#error(node, { type: "host", problem, allowed: "give the node a network address" });
    }
  }

  #error(node: NodeConf, finding: Finding): void {
    this.#report.error(this.#locationOf(node), finding);
  }

  #locationOf(node: NodeConf): SourceLocation {
    return this.#locations.nodes.get(node.name) ?? whole;
  }
}

/** Why a script cannot run here; null: it can, or was not looked at. */
function scriptProblem(fact: FileFact | undefined): string | null {
  if (fact === undefined) return null;
  if (fact.type === "absent") return fact.cause;
  if (!fact.regular) return "is not a regular file";
  return fact.executable ? null : "is not executable";
}

/** The problem of each script that cannot run here, by path. */
export function scriptProblems(facts: ReadonlyMap<string, FileFact>): ReadonlyMap<string, string> {
  const problems = [...facts].map(([path, fact]) => [path, scriptProblem(fact)] as const);
  return new Map(problems.flatMap(([path, why]) => (why === null ? [] : [[path, why] as const])));
}

function unitFinding(unit: string, fact: UnitFact): Finding | null {
  const missing = "until then its services cannot run on this node";
  if (fact.type === "no-systemd") {
    const allowed = `use <script>, or run systemd; ${missing}`;
    return { type: "agent", problem: `systemd does not run here: no unit ${unit}`, allowed };
  }
  if (fact.type === "failed") {
    return { type: "agent", problem: `systemctl show ${unit}: ${fact.cause}`, allowed: missing };
  }
  if (fact.loadState !== "loaded") {
    const problem = `systemd says of ${unit}: ${fact.loadState}`;
    const allowed = `install it, or see "systemctl status ${unit}"; ${missing}`;
    return { type: "agent", problem, allowed };
  }
  if (!fact.fileState.startsWith("enabled")) return null;
  const problem = `${unit} is enabled: systemd starts it at boot, beside the cluster`;
  return { type: "host", problem, allowed: `run "systemctl disable ${unit}"` };
}

/** The first problem, in the order in which an operator would repair them; null: none. */
function keyFileProblem(fact: KeyFileFact): string | null {
  if (fact.type === "absent") return `cannot be read: ${fact.cause}`;
  if (!fact.regular) return "is not a regular file";
  if (!fact.readable) return "is not readable";
  if ((fact.mode & 0o077) !== 0) {
    const mode = (fact.mode & 0o7777).toString(8).padStart(4, "0");
    return `has mode ${mode}: others than its owner may use it`;
  }
  return fact.sizeBytes < keyFileBytesMin ? `has only ${fact.sizeBytes} bytes` : null;
}
