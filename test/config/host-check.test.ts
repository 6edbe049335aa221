/** The configuration against the machine: every rule of names, files, agents and the local node. */
import { test } from "tap";
import { parseMetadata } from "../../src/config/agents/agent-metadata.ts";
import { noAgents } from "../../src/config/agents/discovered-agents.ts";
import type { LoadOutcome } from "../../src/config/cluster-conf.ts";
import {
  checkHost,
  type HostFacts,
  type KeyFileFact,
  multicastFor,
} from "../../src/config/host/host-check.ts";
import { chooseLocalNode, type ResolvedName } from "../../src/config/host/local-node.ts";
import { startupWarnings } from "../../src/config/host/startup-warnings.ts";
import { formatComplaint } from "../../src/config/text/complaint.ts";
import { parseClusterConf } from "./parsed-conf.ts";

type Loaded = {
  readonly conf: NonNullable<LoadOutcome["conf"]>;
  readonly locations: NonNullable<LoadOutcome["locations"]>;
};

/** A node without fence devices for each name, the rest of the file after the nodes. */
function load(names: readonly string[], rest = "", cman = ""): Loaded {
  const nodes = names.map((name, at) => `<clusternode name="${name}" nodeid="${at + 1}"/>\n`);
  const text =
    `<cluster name="web" config_version="1">${cman}<clusternodes>\n` +
    `${nodes.join("")}</clusternodes>\n${rest}</cluster>`;
  const { conf, locations, complaints } = parseClusterConf(text, { file: "c" });
  if (conf === null || locations === null)
    throw new Error(complaints.map(formatComplaint).join("\n"));
  return { conf, locations };
}

function at(...addresses: readonly string[]): ResolvedName {
  return { type: "addresses", addresses, source: "hosts" };
}

const three = ["node1", "node2", "node3"];

/** A machine that is node1 of three, with nothing wrong, changed as the test needs it. */
function facts(change: Partial<HostFacts> = {}): HostFacts {
  return {
    nodeName: null,
    uname: "node1",
    localAddresses: ["127.0.0.1", "10.0.0.1", "fe80::1"],
    resolved: new Map([
      ["node1", at("10.0.0.1")],
      ["node2", at("10.0.0.2")],
      ["node3", at("10.0.0.3")],
    ]),
    scripts: new Map(),
    keyFile: null,
    fenceAgents: new Map(),
    accounts: new Map(),
    searchPath: ["/usr/sbin", "/sbin"],
    ...change,
  };
}

test("a log file that cannot be written is a warning, not an error", async (t) => {
  const logging = '<logging to_logfile="yes"\n logfile="/nowhere/clusterd.log"/>';
  const cluster = load(three, logging);
  t.same(check(cluster, facts({ logFile: null })), []);
  t.same(check(cluster, facts({ logFile: "ENOENT: no such directory" })), [
    "c:7: warning: /cluster/logging/@logfile: log file /nowhere/clusterd.log: " +
      "ENOENT: no such directory; until it can be written, lines go to standard output only",
  ]);
});

function resolvedTo(...addresses: readonly (string | null)[]): HostFacts["resolved"] {
  return new Map(
    addresses.map((address, index) => [
      `node${index + 1}`,
      address === null ? { type: "failed", cause: "ENOTFOUND" } : at(address),
    ]),
  );
}

function check({ conf, locations }: Loaded, host: HostFacts): readonly string[] {
  return checkHost(conf, host, locations).map(formatComplaint);
}

function chosen({ conf }: Loaded, host: HostFacts): string {
  const result = chooseLocalNode(conf, host);
  return result.ok ? result.value.name : `${result.problem.problem}; ${result.problem.allowed}`;
}

test("a machine that fits has no complaints", async (t) => {
  t.same(check(load(three), facts()), []);
});

test("a name that does not resolve is an error with the resolver's words", async (t) => {
  t.same(check(load(three), facts({ resolved: resolvedTo("10.0.0.1", null, "10.0.0.3") })), [
    "c:3: error: /cluster/clusternodes/clusternode[2](node2)/@name: node2 does not resolve: " +
      "ENOTFOUND; use an address or add it to /etc/hosts",
  ]);
});

test("a name of a real cluster must not resolve to loopback", async (t) => {
  const resolved = resolvedTo("127.0.1.1", "10.0.0.2", "10.0.0.3");
  t.same(check(load(three), facts({ resolved })), [
    "c:2: error: /cluster/clusternodes/clusternode[1](node1)/@name: node1 resolves to loopback " +
      "127.0.1.1 while others do not; give the node a network address",
  ]);
});

test("all nodes on loopback are a test cluster and need -n", async (t) => {
  const resolved = resolvedTo("127.0.0.1", "127.0.0.2", "127.0.0.3");
  const [warning = "", ...others] = check(load(three), facts({ resolved, nodeName: "node2" }));
  t.match(warning, "c:2: warning: ");
  t.match(warning, "all nodes have loopback addresses");
  t.same(others, []);
  const host = facts({ resolved, uname: "other" });
  t.match(chosen(load(three), host), "node1 and node2 and node3 all resolve to addresses of this");
});

test("an address that no node can have is refused", async (t) => {
  for (const address of ["0.0.0.0", "255.255.255.255", "239.1.1.1", "::", "ff02::1"]) {
    const found = check(load(["node1"]), facts({ resolved: new Map([["node1", at(address)]]) }));
    t.match(found[0], `node1 resolves to ${address}, which no node can have`, address);
  }
});

test("two names with one address are refused", async (t) => {
  const resolved = resolvedTo("10.0.0.1", "10.0.0.1", "10.0.0.3");
  t.match(check(load(three), facts({ resolved })), [
    /^c:3: error: .*node1 and node2 resolve to one address, 10\.0\.0\.1/,
  ]);
});

test("nodes of two address families are refused", async (t) => {
  const resolved = resolvedTo("10.0.0.1", "10.0.0.2", "fd00::3");
  t.match(check(load(three), facts({ resolved })), [
    /^c:4: error: .*node1 has an IPv4 address, node3 an IPv6 address; all nodes need one family/,
  ]);
});

test("the multicast address follows the family unless it is written in the file", async (t) => {
  const host = facts({
    resolved: resolvedTo("fd00::1", "fd00::2", "fd00::3"),
    localAddresses: ["fd00::1"],
  });
  const derived = load(three);
  t.same(check(derived, host), []);
  t.equal(multicastFor(derived.conf, derived.locations, "ipv6"), "ff15::308");
  const written = load(three, "", '<cman><multicast addr="239.1.1.1"/></cman>');
  t.equal(multicastFor(written.conf, written.locations, "ipv6"), "239.1.1.1");
  t.match(check(written, host), [
    /^c:1: error: .*multicast address 239\.1\.1\.1, but the nodes are IPv6; for example ff15::308/,
  ]);
  const unicast = load(three, "", '<cman transport="udpu"><multicast addr="239.1.1.1"/></cman>');
  t.same(check(unicast, host), []);
});

test("an answer of DNS is accepted with advice", async (t) => {
  const resolved = new Map(facts().resolved).set("node3", {
    type: "addresses",
    addresses: ["10.0.0.3"],
    source: "dns",
  });
  t.match(check(load(three), facts({ resolved })), [/^c:4: warning: .*resolved by DNS/]);
});

test("the local node is found by option, host name, address and short name", async (t) => {
  const names = ["node1.example.com", "node2.example.com", "node3.example.com"];
  const resolved = new Map([
    ["node1.example.com", at("10.0.0.1")],
    ["node2.example.com", at("10.0.0.2")],
    ["node3.example.com", at("10.0.0.3")],
  ]);
  const cluster = load(names);
  const on = (change: Partial<HostFacts>): string =>
    chosen(cluster, facts({ resolved, localAddresses: ["127.0.0.1"], ...change }));
  t.equal(on({ uname: "node2" }), "node2.example.com");
  t.equal(on({ uname: "other", localAddresses: ["10.0.0.3"] }), "node3.example.com");
  t.equal(on({ uname: "node2.example.com", localAddresses: ["10.0.0.3"] }), "node2.example.com");
  t.equal(on({ uname: "node2", localAddresses: ["10.0.0.3"] }), "node3.example.com");
  t.equal(on({ uname: "x", nodeName: "node1.example.com" }), "node1.example.com");
});

test("an option that names no clusternode lists them", async (t) => {
  const found = chosen(load(three), facts({ nodeName: "node9" }));
  t.equal(
    found,
    'node name "node9" (option -n) is not a clusternode; ' +
      'clusternodes: node1, node2, node3; did you mean "node1"?',
  );
});

test("two clusternodes on one machine need -n, which is then enough", async (t) => {
  const host = facts({ uname: "other", localAddresses: ["10.0.0.1", "10.0.0.2"] });
  t.match(chosen(load(three), host), "node1 and node2 all resolve to addresses of this machine");
  t.equal(chosen(load(three), { ...host, nodeName: "node2" }), "node2");
});

test("a short name that fits two clusternodes decides nothing", async (t) => {
  const cluster = load(["n1.a", "n1.b"]);
  const resolved = new Map([
    ["n1.a", at("10.0.0.1")],
    ["n1.b", at("10.0.0.2")],
  ]);
  const host = facts({ uname: "n1", resolved, localAddresses: [] });
  t.match(chosen(cluster, host), 'this machine ("n1", addresses none) is not a clusternode');
});

test("addresses as names have no short form", async (t) => {
  const cluster = load(["10.0.0.1", "fd00::5"]);
  const host = facts({ uname: "10", resolved: new Map(), localAddresses: [] });
  t.match(chosen(cluster, host), "is not a clusternode");
});

test("a machine that is not a clusternode is reported with its name and addresses", async (t) => {
  const host = facts({
    uname: "stranger",
    localAddresses: ["192.168.1.5"],
    resolved: resolvedTo("10.0.0.1", null, "10.0.0.3"),
  });
  const found = check(load(three), host).find((line) => line.includes("stranger"));
  t.equal(
    found,
    'c: error: /cluster: this machine ("stranger", addresses 192.168.1.5) is not a clusternode; ' +
      "clusternodes: node1 (10.0.0.1), node2 (unresolved), node3 (10.0.0.3); use -n NAME",
  );
});

test("the own address must be on a local interface, in whatever spelling", async (t) => {
  const away = facts({ localAddresses: ["192.168.1.5"] });
  t.match(check(load(three), away), [
    /^c:2: error: .*this is node1, but its address 10\.0\.0\.1 is on no local interface/,
  ]);
  const host = facts({
    resolved: resolvedTo("fd00:0::1", "fd00::2", "fd00::3"),
    localAddresses: ["FD00::1"],
  });
  t.same(check(load(three), host), []);
});

test("a key file must be regular, readable, private and long enough", async (t) => {
  const cluster = load(three, "", '<cman keyfile="/etc/cluster/key"/>');
  const good: KeyFileFact & { readonly type: "present" } = {
    type: "present",
    regular: true,
    readable: true,
    mode: 0o600,
    sizeBytes: 128,
  };
  t.same(check(cluster, facts({ keyFile: good })), []);
  const rows: readonly (readonly [KeyFileFact, string])[] = [
    [{ ...good, mode: 0o644 }, "has mode 0644: others than its owner may use it"],
    [{ ...good, mode: 0o100640 }, "has mode 0640"],
    [{ ...good, sizeBytes: 3 }, "has only 3 bytes"],
    [{ ...good, regular: false }, "is not a regular file"],
    [{ ...good, readable: false }, "is not readable"],
    [{ type: "absent", cause: "ENOENT" }, "cannot be read: ENOENT"],
  ];
  for (const [keyFile, expected] of rows) {
    const [found = "", ...others] = check(cluster, facts({ keyFile }));
    t.match(found, `/cluster/cman/@keyfile: key file /etc/cluster/key ${expected}`, expected);
    t.match(found, "c:1: error: ");
    t.same(others, []);
  }
});

const fenced =
  '<fencedevices><fencedevice name="a" agent="fence_apc" ipaddr="1" logn="x"/>\n' +
  '<fencedevice name="b" agent="fence_gone"/><fencedevice name="s" agent="self"/></fencedevices>';

test("a fence agent that is not found is an error with the searched directories", async (t) => {
  const host = facts({
    fenceAgents: new Map([
      ["fence_apc", "/usr/sbin/fence_apc"],
      ["fence_gone", null],
      ["self", null],
    ]),
  });
  t.match(check(load(three, fenced), host), [
    /^c:7: error: .*@agent: fence_gone: not found; install it on .*; searched: \/usr\/sbin \/sbin$/,
  ]);
});

test("a script that cannot run here is an error, as an agent is, once for each file", async (t) => {
  const rest =
    '<rm><resources><script name="a" file="/a"/>\n<script name="b" file="/b"/>\n' +
    '<script name="c" file="/c"/>\n<script name="d" file="/d"/></resources></rm>';
  const host = facts({
    scripts: new Map([
      ["/a", { type: "absent", cause: "ENOENT" }],
      ["/b", { type: "present", regular: false, executable: true }],
      ["/c", { type: "present", regular: true, executable: false }],
      ["/d", { type: "present", regular: true, executable: true }],
    ]),
  });
  t.match(check(load(three, rest), host), [
    /^c:6: error: .*\/a: ENOENT; install it; until then its services cannot run on this node$/,
    /^c:7: error: .*\/b is not a regular file/,
    /^c:8: error: .*\/c is not executable/,
  ]);
});

test("the warnings at every start depend on key, devices and two_node", async (t) => {
  const keyed = (more: string): string => `<cman keyfile="/k" ${more}/>`;
  t.same(startupWarnings(load(["node1"], "", keyed("")).conf), [], "one node needs no fencing");
  const two = startupWarnings(load(["node1", "node2"], "", keyed('two_node="1"')).conf);
  t.match(two, [/no fence devices for node1, node2 and self-fencing cannot work with two_node/]);
  const no = load(three, '<fence_daemon self_fence="no"/>', keyed("")).conf;
  t.match(startupWarnings(no), [/and self_fence is no: .* only after an operator/]);
  t.match(startupWarnings(load(three, "", keyed("")).conf), [/self-fencing in use/]);
});

test("an account of <uidgid> that this machine does not have is warned of", async (t) => {
  const loaded = load(three, '<uidgid uid="alice" gid="staff"/>\n<uidgid gid="100"/>\n');
  const accounts = new Map([
    ["uid alice", null],
    ["gid staff", 50],
    ["gid 100", 100],
  ]);
  t.same(check(loaded, facts({ accounts })), [
    "c:6: warning: /cluster/uidgid[1]/@uid: user alice is unknown: it cannot use process groups " +
      "here; a name in /etc/passwd, or a number",
  ]);
});

const addresses = (...texts: readonly string[]): string =>
  `<rm>${texts
    .map((one, index) => `<service name="s${index}">\n<ip address="${one}"/></service>`)
    .join("")}</rm>`;

test("HOST1: a service with the address of a node is refused, by any of its names", async (t) => {
  const resolved = new Map([
    ["node1", at("10.0.0.1", "fd00::1")],
    ["node2", at("10.0.0.2")],
    ["node3", at("10.0.0.3")],
  ]);
  const host = facts({ resolved, claimed: ["10.0.0.1"] });
  const rest = addresses("10.0.0.2/24", "FD00:0::1/64", "10.0.0.9");
  t.match(check(load(three, rest), host), [
    /^c:7: error: .*\(s0\)\/ip\(.*10\.0\.0\.2\/24 is the address of node2 itself: .*; give/,
    /^c:8: error: .*\(s1\)\/ip\(.*FD00:0::1\/64 is the address of node1 itself/,
  ]);
  const text =
    '<cluster name="w" config_version="1"><clusternodes><clusternode name="node1" nodeid="1">' +
    '<altname name="second"/><altname name="10.9.9.9"/></clusternode></clusternodes>' +
    `${addresses("10.8.8.8", "10.9.9.9")}</cluster>`;
  const { conf, locations } = parseClusterConf(text, { file: "c" });
  if (conf === null || locations === null) throw new Error("refused");
  const second = facts({ resolved: new Map([...resolved, ["second", at("10.8.8.8")]]) });
  const found = check({ conf, locations }, second).filter((one) => one.includes("itself"));
  t.match(found, [/10\.8\.8\.8 is the address of node1/, /10\.9\.9\.9 is the address of node1/]);
});

test("HOST1: so is a service whose external agent puts up that address", async (t) => {
  const said = parseMetadata(
    '<resource-agent name="IPaddr2"><parameters><parameter name="ip"/></parameters>' +
      '<actions><action name="start" timeout="20s"/></actions></resource-agent>',
    "ocf",
  );
  if (!said.ok) throw new Error(said.problem.cause);
  const agent = { type: "usable", file: "/IPaddr2", metadata: said.value } as const;
  const agents = { ...noAgents, ocf: new Map([["heartbeat:IPaddr2", agent]]) };
  const text =
    '<cluster name="w" config_version="1"><clusternodes><clusternode name="node1" nodeid="1"/>' +
    '</clusternodes><rm><service name="s"><ocf name="v" agent="heartbeat:IPaddr2" ip="10.0.0.1"/>' +
    "</service></rm></cluster>";
  const { conf, locations, complaints } = parseClusterConf(text, { file: "c", agents });
  if (conf === null || locations === null) throw new Error(complaints.map(formatComplaint).join());
  t.match(
    check({ conf, locations }, facts()).join("\n"),
    /10\.0\.0\.1 is the address of node1 itself/,
  );
});

test("HOST2: an address that is here, but not put up by clusterd, causes a warning", async (t) => {
  const localAddresses = ["127.0.0.1", "10.0.0.1", "10.0.0.9", "fd00::9"];
  const loaded = load(three, addresses("10.0.0.9", "10.0.0.8", "fd00:0::9/64"));
  t.match(check(loaded, facts({ localAddresses, claimed: [] })), [
    /^c:7: warning: .*10\.0\.0\.9 is on an interface of this machine, .*; take it off/,
    /^c:9: warning: .*fd00:0::9\/64 is on an interface/,
  ]);
  t.same(check(loaded, facts({ localAddresses, claimed: ["10.0.0.9", "fd00::9"] })), []);
  t.same(check(loaded, facts({ localAddresses, claimed: null })), [], "nobody can know");
});
