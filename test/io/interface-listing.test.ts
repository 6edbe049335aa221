import { test } from "tap";
import { parseInterfaces, parseMonitorLine } from "../../src/io/network/interface-listing.ts";

const listing = JSON.stringify([
  {
    ifindex: 1,
    ifname: "lo",
    flags: ["LOOPBACK", "UP", "LOWER_UP"],
    operstate: "UNKNOWN",
    address: "00:00:00:00:00:00",
    ["addr_info"]: [{ family: "inet", local: "127.0.0.1", prefixlen: 8, scope: "host" }],
  },
  {
    ifindex: 7,
    link: "eth1",
    ifname: "eth0",
    flags: ["NO-CARRIER", "BROADCAST", "SLAVE", "UP"],
    operstate: "LOWERLAYERDOWN",
    address: "9e:15:de:29:d9:b9",
    ["addr_info"]: [
      { family: "inet", local: "20.0.20.200", prefixlen: 24, secondary: true },
      { family: "inet6", local: "fd00::1", prefixlen: 64, tentative: true },
      { family: "inet6", local: "fd00::2", prefixlen: 64, dadfailed: true, tentative: true },
      { family: "mpls", local: "3", prefixlen: 1 },
      {},
    ],
  },
  { ifindex: 9, ifname: "ppp0", flags: ["POINTOPOINT"], ["addr_info"]: [] },
  {},
]);

test("interfaces and addresses are read with their states", (t) => {
  const interfaces = parseInterfaces(listing);
  if (!interfaces.ok) throw new Error(interfaces.problem);
  t.same(
    interfaces.value.map(({ name, index, mac }) => [name, index, mac]),
    [
      ["lo", 1, "00:00:00:00:00:00"],
      ["eth0", 7, "9e:15:de:29:d9:b9"],
      ["ppp0", 9, null],
    ],
  );
  const [lo, eth0, ppp0] = interfaces.value;
  t.match(lo, { up: true, carrier: true, operstate: "unknown", loopback: true, slave: false });
  t.match(eth0, {
    up: true,
    carrier: false,
    operstate: "lowerlayerdown",
    loopback: false,
    slave: true,
  });
  t.match(ppp0, { up: false, operstate: "unknown", addresses: [] });
  t.same(eth0?.addresses, [
    { address: "20.0.20.200", prefix: 24, family: "ipv4", detection: "done", marked: false },
    { address: "fd00::1", prefix: 64, family: "ipv6", detection: "tentative", marked: false },
    { address: "fd00::2", prefix: 64, family: "ipv6", detection: "duplicate", marked: false },
  ]);
  t.end();
});

test("anything but a list is refused", (t) => {
  for (const text of ["", "{}", "7", "[", "null"]) t.equal(parseInterfaces(text).ok, false, text);
  t.end();
});

test("an entry that is not understood is no shorter list, but none", (t) => {
  const lo = { ifindex: 1, ifname: "lo", flags: [] };
  const noPrefix = { ["addr_info"]: [{ family: "inet", local: "127.0.0.1" }] };
  const bad = [null, { ifname: "eth0" }, { ...lo, ...noPrefix }, { ...lo, ["addr_info"]: [7] }];
  for (const entry of bad) t.match(parseInterfaces(JSON.stringify([lo, entry])), { ok: false });
  t.match(parseInterfaces(JSON.stringify([lo])), { ok: true });
  t.end();
});

/** As iproute2 6.1 prints them. */
const lines: readonly (readonly [string, object | null])[] = [
  [
    "2: v1@v0: <BROADCAST,MULTICAST> mtu 1500 qdisc noqueue state DOWN group default \\    link",
    { type: "link", interface: "v1", up: false, carrier: false, gone: false },
  ],
  [
    "3: v0@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default \\",
    { type: "link", interface: "v0", up: true, carrier: true, gone: false },
  ],
  [
    "3: bond0.12: <NO-CARRIER,BROADCAST,MULTICAST,UP,M-DOWN> mtu 1500 state LOWERLAYERDOWN \\",
    { type: "link", interface: "bond0.12", up: true, carrier: false, gone: false },
  ],
  [
    "Deleted 3: v0@NONE: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noop state DOWN \\",
    { type: "link", interface: "v0", up: false, carrier: false, gone: true },
  ],
  [
    "[LINK]4: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500",
    { type: "link", interface: "eth0", up: true, carrier: true, gone: false },
  ],
  [
    "3: v0    inet 10.1.1.7/24 scope global secondary v0\\       valid_lft forever",
    { type: "address", interface: "v0", address: "10.1.1.7", prefix: 24, gone: false },
  ],
  [
    "Deleted 3: v0    inet6 fd00::1/64 scope global tentative \\       valid_lft forever",
    { type: "address", interface: "v0", address: "fd00::1", prefix: 64, gone: true },
  ],
  [
    "5: tun0    inet 10.8.0.1 peer 10.8.0.2/32 scope global tun0\\       valid_lft forever",
    { type: "address", interface: "tun0", address: "10.8.0.1", prefix: 32, gone: false },
  ],
  ["    link/ether 0a:d7:3f:89:22:66 brd ff:ff:ff:ff:ff:ff", null],
  ["", null],
  ["10.1.1.7 dev v0 lladdr 0a:d7:3f:89:22:66 REACHABLE", null],
];

for (const [line, expected] of lines) {
  test(`a monitor line: ${line.slice(0, 40)}`, (t) => {
    t.same(parseMonitorLine(line), expected);
    t.end();
  });
}
