/**
 * Tables of the arithmetic: ids, addresses, ring timers, lease, durations, integers, names.
 * Cases: those of the list "ring" in test/cases.txt.
 */
import { test } from "tap";
import {
  clusterIdFromName,
  hashClusterId,
  multicastAddress,
} from "../../src/config/sections/cluster-id.ts";
import {
  defaultLeaseMs,
  safeWaitAfterKillMs,
  safeWaitAfterResetMs,
} from "../../src/config/sections/fence-daemon-section.ts";
import { consensusMs, holdMs, retransmitMs } from "../../src/config/sections/totem-section.ts";
import { editDistance, nearestName } from "../../src/config/text/nearest-name.ts";
import { parseDuration, parseFlag, parseInteger } from "../../src/config/text/value-text.ts";
import { ms } from "../../src/model/time.ts";
import { parseClusterConf } from "./parsed-conf.ts";

test("the cluster id is that of cman", async (t) => {
  const rows: readonly (readonly [string, number, string, string, string])[] = [
    ["qpid-test", 55582, "239.192.217.247", "239.192.217.248", "ff15::d91e"],
    ["alpha", 3169, "239.192.12.109", "239.192.12.110", "ff15::c61"],
    ["test", 1678, "239.192.6.148", "239.192.6.149", "ff15::68e"],
    ["a", 97, "239.192.0.97", "239.192.0.98", "ff15::61"],
    ["RHCluster", 41524, "239.192.162.214", "239.192.162.215", "ff15::a234"],
    ["pacemaker1", 42353, "239.192.165.23", "239.192.165.24", "ff15::a571"],
    ["ABCDEFGHIJKLMNO", 65455, "239.192.255.175", "239.192.255.176", "ff15::ffaf"],
    ["mycluster", 56756, "239.192.221.146", "239.192.221.147", "ff15::ddb4"],
    ["MyCluster", 46516, "239.192.181.106", "239.192.181.107", "ff15::b5b4"],
    ["cluster1", 26777, "239.192.104.2", "239.192.104.3", "ff15::6899"],
  ];
  for (const [name, id, ipv4, second, ipv6] of rows) {
    t.equal(clusterIdFromName(name), id, name);
    t.equal(multicastAddress(id, "ipv4"), ipv4, name);
    t.equal(multicastAddress(id + 1, "ipv4"), second, name);
    t.equal(multicastAddress(id, "ipv6"), ipv6, name);
  }
});

test("names that collide in cman's id are known to collide", async (t) => {
  for (const name of ["qpid-tetr", "qpid-tdut"]) t.equal(clusterIdFromName(name), 55582, name);
});

test("published addresses of running clusters follow from their ids", async (t) => {
  t.equal(multicastAddress(22265, "ipv4"), "239.192.86.80");
  t.equal(multicastAddress(15354, "ipv4"), "239.192.59.54");
  t.equal(multicastAddress(25554, "ipv4"), "239.192.99.54");
  t.equal(multicastAddress(29348, "ipv4"), "239.192.114.23");
  t.equal(multicastAddress(65536, "ipv4"), "239.192.0.0", "the id wraps at 16 bits");
});

test("the hashed id is FNV-1a folded to 16 bits", async (t) => {
  const rows: readonly (readonly [string, number, string])[] = [
    ["qpid-test", 34513, "239.192.134.88"],
    ["alpha", 12320, "239.192.48.80"],
    ["a", 52512, "239.192.205.237"],
    ["RHCluster", 26061, "239.192.101.51"],
    ["pacemaker1", 21111, "239.192.82.201"],
    ["ABCDEFGHIJKLMNO", 59319, "239.192.231.159"],
    ["mycluster", 65461, "239.192.255.181"],
  ];
  for (const [name, id, address] of rows) {
    t.equal(hashClusterId(name), id, name);
    t.equal(multicastAddress(id, "ipv4"), address, name);
  }
});

test("retransmit and hold follow from the token as in corosync", async (t) => {
  const rows = [
    [1000, 238, 180],
    [10_000, 2380, 1894],
    [3000, 714, 561],
    [3650, 869, 685],
    [300, 71, 46],
  ] as const;
  for (const [token, retransmit, hold] of rows) {
    t.equal(retransmitMs(ms(token), 4), retransmit, `token ${token}`);
    t.equal(holdMs(ms(retransmit)), hold, `token ${token}`);
  }
});

test("consensus is 1.2 x token; for two nodes a fifth, at least 4 x join", async (t) => {
  const of = (tokenMs: number, joinMs: number, nodes: number) =>
    consensusMs({ tokenMs: ms(tokenMs), joinMs: ms(joinMs), nodes });
  t.equal(of(1000, 50, 3), 1200);
  t.equal(of(300, 30, 3), 360);
  t.equal(of(300, 30, 2), 120);
  t.equal(of(1000, 50, 2), 200);
  t.equal(of(10_000, 60, 2), 2000);
  t.equal(of(1001, 50, 3), 1202, "rounded up, or it would be below the minimum");
});

test("lease and safe wait follow from the timers", async (t) => {
  const rows = [
    [10_000, 12_000, 27_500, 29_076],
    [1000, 3000, 5000, 6260],
    [1000, 1200, 3200, 4442],
    [300, 360, 1260, 2483],
    [100, 120, 620, 1837],
  ] as const;
  for (const [token, consensus, lease, wait] of rows) {
    const label = `token ${token}, consensus ${consensus}`;
    t.equal(defaultLeaseMs({ tokenMs: ms(token), consensusMs: ms(consensus) }), lease, label);
    t.equal(safeWaitAfterKillMs(ms(lease), ms(1000)), wait, label);
  }
  t.equal(safeWaitAfterResetMs(ms(3200), ms(5000)), 9282, "a reset takes its time");
});

test("the profile of a fast network: below two seconds", async (t) => {
  const of = (totem: string, daemon = "") => {
    const nodes = [1, 2, 3].map((id) => `<clusternode name="n${id}" nodeid="${id}"/>`).join("");
    const text = `<cluster name="web" config_version="1"><totem ${totem}/>
      <clusternodes>${nodes}</clusternodes><fence_daemon ${daemon}/></cluster>`;
    const { conf, complaints } = parseClusterConf(text, { file: "x" });
    const { totem: ring, fencing } = conf ?? {};
    return {
      tokenMs: ring?.tokenMs,
      ...fencing,
      complaints: complaints.map(({ problem }) => problem),
    };
  };
  const fast = of('profile="lan-fast"');
  t.match(fast, { tokenMs: 300, leaseMs: 1260, killTimeoutMs: 500, safeWaitMs: 1978 });
  t.match(of('profile="usual"'), { tokenMs: 1000, killTimeoutMs: 1000, safeWaitMs: 4442 });
  const given = of('profile="lan-fast" token="500"', 'kill_timeout="800"');
  t.match(given, { tokenMs: 500, leaseMs: 2100, killTimeoutMs: 800 }, "it only gives defaults");
  t.match(of('profile="fast"').complaints, [/fast/]);
});

test("the safe wait holds for clocks that are wrong in opposite directions", async (t) => {
  for (const leaseMs of [4400, 44_000, 98_000, 200_000, 1_000_000]) {
    const slowest = (leaseMs + 2000) / 0.99;
    const wait = safeWaitAfterKillMs(ms(leaseMs), ms(2000));
    t.ok(wait / 1.01 >= slowest, `${leaseMs}: ${wait / 1.01} >= ${slowest}`);
  }
});

test("the options of the ring are honoured", async (t) => {
  const text = `<cluster name="web" config_version="3">
    <cman hash_cluster_id="yes" transport="udpu" keyfile="/k"/>
    <totem token="2000" join="60" token_retransmits_before_loss_const="5" merge="300"
      seqno_unchanged_const="40" miss_count_const="6" window_size="80" max_messages="20"
      netmtu="1400" keyfile="/other"/>
    <clusternodes><clusternode name="b" nodeid="7"/><clusternode name="a" nodeid="2" votes="2"/>
    </clusternodes></cluster>`;
  const { conf } = parseClusterConf(text, { file: "x" });
  t.equal(conf?.clusterId, hashClusterId("web"));
  t.match(conf?.totem, {
    transport: "udpu",
    tokenMs: 2000,
    tokenRetransmitMs: 384,
    holdMs: 297,
    joinMs: 60,
    consensusMs: 400,
    mergeMs: 300,
    failRecvMs: 4000,
    seqnoUnchangedVisits: 40,
    missCountVisits: 6,
    windowFrames: 80,
    maxFramesPerVisit: 20,
    widens: false,
    netmtuBytes: 1400,
    keyFile: "/k",
  });
  t.same(
    conf?.nodes.map((node) => [node.id, node.name, node.votes]),
    [
      [2, "a", 2],
      [7, "b", 1],
    ],
  );
  t.equal(conf?.quorum.expectedVotes, 3);
});

test("case 30: timers that cannot work are refused, with the bound", async (t) => {
  const complaintsOf = (totem: string): string => {
    const nodes = ["a", "b", "c"].map(
      (name, at) => `<clusternode name="${name}" nodeid="${at + 1}"/>`,
    );
    const text = `<cluster name="web" config_version="1"><totem ${totem}/>
      <clusternodes>${nodes.join("")}</clusternodes></cluster>`;
    return parseClusterConf(text, { file: "x" })
      .complaints.map(({ problem }) => problem)
      .join("; ");
  };
  t.match(complaintsOf('token="1000" consensus="1000"'), "consensus 1000 ms is too short");
  t.match(complaintsOf('token="20"'), '"20" is out of range');
  t.notMatch(complaintsOf('token="1000" consensus="1200"'), "consensus");
});

test("the cluster id and the ports can be given", async (t) => {
  const text = (cman: string): string =>
    `<cluster name="w" config_version="1"><cman ${cman}<clusternodes>` +
    '<clusternode name="10.0.0.1" nodeid="1"/></clusternodes></cluster>';
  const load = (cman: string) => parseClusterConf(text(cman), { file: "x" }).conf;
  t.equal(load('cluster_id="77"/>')?.clusterId, 77);
  t.equal(load('cluster_id="77"/>')?.totem.multicast.address, "239.192.0.77");
  t.equal(load('port="5500"><multicast port="5600"/></cman>')?.totem.port, 5500);
  t.equal(load('><multicast port="5600" ttl="9"/></cman>')?.totem.port, 5600);
  t.equal(load('><multicast port="5600" ttl="9"/></cman>')?.totem.multicast.ttl, 9);
});

test("durations are read as rgmanager reads them, but the whole text must fit", async (t) => {
  const good = [
    ["0", 0],
    ["90", 90],
    ["30s", 30],
    ["5M", 300],
    ["1h30m", 5400],
    ["1h30", 3630],
    ["1d", 86_400],
    ["2w", 1_209_600],
  ] as const;
  for (const [text, expected] of good) t.equal(parseDuration(text), expected * 1000, text);
  for (const text of ["", "x", "1x", "-5", "5 s", "1.5", "m", "3000000", "99999999999", "1y"]) {
    t.equal(parseDuration(text), null, JSON.stringify(text));
  }
});

test("integers and booleans must fit as a whole", async (t) => {
  for (const [text, value] of [
    ["0", 0],
    ["-1", -1],
    ["+5", 5],
    ["007", 7],
  ] as const) {
    t.equal(parseInteger(text), value, text);
  }
  for (const text of ["", " 1", "1 ", "3x", "0x10", "1e3", "1.0", "9".repeat(16)]) {
    t.equal(parseInteger(text), null, JSON.stringify(text));
  }
  for (const text of ["1", "yes", "ON", "True"]) t.equal(parseFlag(text), true, text);
  for (const text of ["0", "no", "Off", "false"]) t.equal(parseFlag(text), false, text);
  for (const text of ["", "2", "y", "maybe"]) t.equal(parseFlag(text), null, text);
});

test("the nearest name is proposed only if it is near", async (t) => {
  t.equal(editDistance("kitten", "sitting"), 3);
  t.equal(editDistance("", "abc"), 3);
  t.equal(nearestName("restrcted", ["ordered", "restricted"]), "restricted");
  t.equal(nearestName("Name", ["name"]), "name");
  t.equal(nearestName("colour", ["ordered", "restricted"]), null);
  t.equal(nearestName("x".repeat(100), ["x".repeat(99)]), null, "too long to be a typing error");
});
