/** The traps of valid configurations that every start and every check warns of. */
import { test } from "tap";
import { checkHost, type HostFacts } from "../../src/config/host/host-check.ts";
import { startupComplaints } from "../../src/config/host/startup-warnings.ts";
import { formatComplaint } from "../../src/config/text/complaint.ts";
import type { InterfaceReport } from "../../src/model/agent-orders.ts";
import { parseClusterConf } from "./parsed-conf.ts";

type Wanted = {
  readonly cman?: string;
  /** The fence section of each node. */
  readonly nodes: readonly string[];
  readonly rest?: string;
};

const device = (attributes = "") =>
  `<fence><method name="m"><device name="d" ${attributes}/></method></fence>`;

function parse({ cman = "", nodes, rest = "" }: Wanted) {
  const lines = nodes.map(
    (fence, index) =>
      `<clusternode name="n${index + 1}" nodeid="${index + 1}">${fence}</clusternode>`,
  );
  const text = [
    '<cluster name="c" config_version="1">',
    `<cman keyfile="/k" ${cman}/>`,
    `<clusternodes>${lines.join("\n")}</clusternodes>`,
    '<fencedevices><fencedevice name="d" agent="fence_x"/></fencedevices>',
    `${rest}</cluster>`,
  ].join("\n");
  const { conf, locations, complaints } = parseClusterConf(text, { file: "c" });
  if (conf === null || locations === null) throw new Error(complaints.map(formatComplaint).join());
  return { conf, locations };
}

function traps(wanted: Wanted): readonly string[] {
  const { conf, locations } = parse(wanted);
  return startupComplaints(conf, locations).map(formatComplaint);
}

test("two nodes that cannot outlive each other are warned of, with the place", async (t) => {
  t.match(traps({ nodes: [device(), device()] }), [
    /^c:2: warning: \/cluster\/cman: two nodes, and neither is quorate alone: .*; set two_node=/,
  ]);
  const tie = 'auto_tie_breaker="1" wait_for_all="1"';
  t.same(traps({ nodes: [device(), device()], cman: tie }), []);
});

test("two nodes that would fence each other at the same time need a delay", async (t) => {
  const cman = 'two_node="1"';
  t.match(traps({ nodes: [device(), device()], cman }), [/fence each other.*delay="5"/]);
  t.same(traps({ nodes: [device('delay="5"'), device()], cman }), []);
});

test("clean_start is warned of where it stands, in a cluster of several nodes", async (t) => {
  const rest = '<fence_daemon clean_start="1"/>';
  t.match(traps({ nodes: [device(), device(), device()], rest }), [
    /^c:7: warning: \/cluster\/fence_daemon\/@clean_start: .*count as off.*; remove clean_start$/,
  ]);
  t.same(traps({ nodes: [device()], rest }), []);
});

test("no fence device is warned of at the first node without one", async (t) => {
  t.match(traps({ nodes: [device(), "", ""] }), [
    /^c:4: warning: .*clusternode\[2\]\(n2\).*: no fence devices for n2, n3: self-fencing in use; /,
  ]);
});

const link: InterfaceReport = {
  ...{ name: "eth0", up: true, carrier: true, slave: false },
  addresses: [{ address: "10.0.0.1", prefix: 24, family: "ipv4", ours: false }],
};

function onInterfaces(address: string, more = ""): readonly string[] {
  const domain = more === "" ? "" : ' domain="d"';
  const rest = `<rm>${more}<service name="s"${domain}>${address}</service></rm>`;
  const { conf, locations } = parse({ nodes: [device(), device(), device()], rest });
  const resolved = conf.nodes.map(({ name, id }) => {
    return [name, { type: "addresses", addresses: [`10.0.0.${id}`], source: "hosts" }] as const;
  });
  const host: HostFacts = {
    ...{ nodeName: "n1", uname: "n1", localAddresses: ["10.0.0.1"], resolved: new Map(resolved) },
    ...{ scripts: new Map(), keyFile: null, accounts: new Map(), searchPath: [] },
    ...{ fenceAgents: new Map([["fence_x", "/x"]]), interfaces: [link] },
  };
  return checkHost(conf, host, locations).map(formatComplaint);
}

test("HOST3: an address that no interface can carry is warned of", async (t) => {
  t.same(onInterfaces('<ip address="10.0.0.9"/>'), []);
  t.match(onInterfaces('<ip address="10.0.9.9"/>'), [
    /warning: .*ip\(10\.0\.9\.9\): no interface .* carry 10\.0\.9\.9: eth0 .*: other subnet; give/,
  ]);
  t.match(onInterfaces('<ip address="10.0.0.9" prefer_interface="bond0"/>'), [
    /eth0: not the preferred interface bond0/,
  ]);
  const elsewhere =
    '<failoverdomains><failoverdomain name="d" restricted="1">' +
    '<failoverdomainnode name="n2"/></failoverdomain></failoverdomains>';
  t.same(onInterfaces('<ip address="10.0.9.9"/>', elsewhere), [], "it never runs here");
});
