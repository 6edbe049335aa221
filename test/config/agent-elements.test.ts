/** Elements of external agents: what they become, and what is complained about. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "tap";
import {
  agentsByType,
  type DiscoveredAgents,
  judgeAnswer,
  type MetadataAnswer,
  noAgents,
} from "../../src/config/agents/discovered-agents.ts";
import { referencedAgents } from "../../src/config/agents/referenced-agents.ts";
import { formatComplaint, preventsStart } from "../../src/config/text/complaint.ts";
import { parseXml } from "../../src/config/text/xml.ts";
import type { ResourceConf } from "../../src/model/conf.ts";
import { ms } from "../../src/model/time.ts";
import { parseClusterConf } from "./parsed-conf.ts";

const lamp = `<resource-agent name="lamp"><parameters>
  <parameter name="name" primary="1"/><parameter name="watt" required="1">
  <content type="integer"/></parameter><parameter name="plug" unique="1"/>
  <parameter name="colour"><content default="white"/></parameter>
  <parameter name="owner" inherit="service%name"/></parameters>
  <actions><action name="start"/><action name="status" interval="30"/></actions>
  <special tag="rgmanager"><child type="bulb" start="1" stop="1"/></special></resource-agent>`;
const bulb =
  '<resource-agent name="bulb"><parameters><parameter name="id" primary="1"/>' +
  "</parameters></resource-agent>";
const web = `<resource-agent name="web"><parameters><parameter name="port" unique="1">
  <content type="integer" default="80"/></parameter><parameter name="name" required="1"/>
  </parameters><actions><action name="start" timeout="40s"/><action name="monitor" depth="10"
  interval="30s" timeout="30s"/><action name="monitor" timeout="5s" interval="10s"/></actions>
  </resource-agent>`;
const bare = '<resource-agent name="bare"><parameters/></resource-agent>';

const promoting = `<resource-agent name="roles"><parameters/><actions><action name="start"/>
  <action name="promote" timeout="9s"/><action name="demote"/></actions></resource-agent>`;

const printed = (file: string, text: string): MetadataAnswer => ({
  file,
  outcome: { type: "printed", text },
});
const directory = "/opt/agents";

const found: DiscoveredAgents = {
  ...noAgents,
  directory,
  byType: agentsByType([
    printed(`${directory}/bulb.sh`, bulb),
    printed(`${directory}/lamp.sh`, lamp),
    printed(`${directory}/other-lamp.sh`, lamp.replace("white", "red")),
    { file: `${directory}/stuck.sh`, outcome: { type: "failed", cause: "it does not end" } },
  ]),
  ocf: new Map(
    Object.entries({
      "x:web": web,
      "x:bare": bare,
      "heartbeat:galera": bare,
      "heartbeat:rabbitmq-cluster": bare,
      "x:roles": promoting,
      "heartbeat:pgsql": promoting,
    }).map(([name, text]) => [name, judgeAnswer(printed(`/ocf/${name}`, text), "ocf")] as const),
  ),
};

function load(rm: string, attributes = "") {
  const text =
    '<cluster name="c" config_version="1"><clusternodes><clusternode name="n" nodeid="1"/>' +
    `</clusternodes><rm ${attributes}>\n${rm}\n</rm></cluster>`;
  const { conf, complaints } = parseClusterConf(text, { file: "c", agents: found });
  const said = complaints.map(formatComplaint);
  const resources: readonly ResourceConf[] = conf?.services.services[0]?.tree.children ?? [];
  return { conf, resources, said, refused: preventsStart(complaints) };
}

const inService = (inside: string) => load(`<service name="s">${inside}</service>`);

test("an element of a type in the agents' directory gets that agent's parameters", async (t) => {
  const { resources, said } = inService('<lamp name="l" watt="40"><bulb id="b"/></lamp>');
  t.same(said, []);
  t.match(resources, [
    {
      type: "lamp",
      key: "l",
      attributes: [
        ["name", "l"],
        ["watt", "40"],
        ["colour", "white"],
        ["owner", "s"],
      ],
      agent: {
        runs: { dialect: "rgmanager", file: `${directory}/lamp.sh`, directory },
        children: [{ type: "bulb", start: 1, stop: 1 }],
      },
      children: [{ type: "bulb", key: "b" }],
    },
  ]);
});

test("required, unique, unknown and doubtful values of such an element", async (t) => {
  t.match(inService('<lamp name="l"/>').said, [/error: .*attribute watt is missing/]);
  t.match(inService('<lamp name="l" watt=""/>').said, [/error: .*attribute watt is empty/]);
  const twice = inService('<lamp name="a" watt="1" plug="p"/><lamp name="b" watt="1" plug="p"/>');
  t.match(twice.said, [/error: .*plug "p" is already used/]);
  const doubtful = inService('<lamp name="l" watt="forty" color="red"/>');
  t.match(doubtful.said, [
    /warning: .*"forty" is not an integer, which the agent's metadata ask for/,
    /warning: .*unknown attribute "color", it is ignored; did you mean "colour"/,
  ]);
  t.equal(doubtful.refused, false);
});

test("an agent that cannot be used affects only its own resources", async (t) => {
  const { resources, said, refused } = inService('<stuck name="a"/><stuck name="b" x="1"/>');
  t.equal(refused, false);
  t.equal(said.length, 1, "once");
  t.match(
    said[0],
    /error: .*"stuck" cannot be used: \/opt\/agents\/stuck.sh: it does not end; run/,
  );
  t.match(resources, [
    { key: "a", agent: { runs: { dialect: "none", why: /does not end/ } } },
    { key: "b", agent: { runs: { dialect: "none" } } },
  ]);
});

test("a type without an agent is refused with the searched directories", async (t) => {
  const { said, refused } = inService('<lump name="l"/>');
  t.equal(refused, true);
  t.match(said, [
    /no resource agent "lump"; known types: .*systemd, bulb, lamp, stuck; searched: \/opt\/agents/,
  ]);
});

test("an ocf element: attributes and params are parameters, params win", async (t) => {
  const { resources, said } = inService(
    '<ocf name="w" agent="ocf:x:web" port="80"><param name="port" value="8080"/>' +
      '<param name="name" value="inner"/><param name="extra" value="1"/>' +
      '<action name="status" depth="*" interval="2"/></ocf>',
  );
  t.match(said, [/warning: .*metadata list no parameter "extra"; it is passed on all the same/]);
  t.same(
    resources[0]?.attributes.filter(([name]) => name !== "agent"),
    [
      ["name", "w"],
      ["port", "8080"],
      ["param.name", "inner"],
      ["extra", "1"],
    ],
  );
  t.match(resources[0]?.agent, {
    runs: { dialect: "ocf", file: "/ocf/x:web", root: "/usr/lib/ocf", provider: "x", type: "web" },
    actions: [
      { name: "start", timeoutMs: ms(40_000) },
      { name: "stop", timeoutMs: ms(20_000) },
      { name: "status", depth: 10, intervalMs: ms(30_000) },
      { name: "status", depth: 0, intervalMs: ms(10_000), timeoutMs: ms(5000) },
    ],
  });
});

test("an ocf agent without a scheduled monitor is checked all the same", async (t) => {
  const [one] = inService('<ocf name="b" agent="x:bare"/>').resources;
  t.match(one?.agent?.actions, [
    { name: "start" },
    { name: "stop" },
    { name: "status", depth: 0, intervalMs: ms(10_000), timeoutMs: ms(20_000) },
  ]);
});

test("faults of ocf elements", async (t) => {
  t.match(inService('<ocf name="a" agent="web"/>').said, [/"web" is not the name of an OCF agent/]);
  t.match(inService('<ocf name="a"/>').said, [/attribute agent is missing/]);
  t.match(inService('<ocf name="a" agent="x:web"/>').said, [/attribute param.name is missing/]);
  const param = inService('<ocf name="a" agent="x:bare"><param name="p"/></ocf>');
  t.match(param.said, [/a <param> needs a name/]);
  const absent = inService('<ocf name="a" agent="x:gone" port="1"/>');
  t.match(absent.said, [/error: .*OCF agent x:gone cannot be used: it is not installed/]);
  t.equal(absent.refused, false);
  const replicated = inService('<ocf name="a" agent="heartbeat:galera"/>');
  t.match(replicated.said, [/error: .*heartbeat:galera works with Pacemaker's tools only/]);
  const forced = '<ocf name="a" agent="heartbeat:galera" allow_promotable="1"/>';
  t.same(inService(forced).said, []);
});

test("an agent that is promoted elsewhere runs only where that is permitted", async (t) => {
  const roles = inService('<ocf name="a" agent="x:roles"/>');
  t.match(roles.said, [
    /error: .*x:roles is promoted by Pacemaker, and is never promoted here; all/,
  ]);
  t.match(roles.resources[0]?.agent?.runs, { dialect: "none" });
  t.same(inService('<ocf name="a" agent="x:roles" allow_promotable="yes"/>').said, []);
  t.same(inService('<ocf name="a" agent="heartbeat:pgsql"/>').said, [], "a single instance");
});

test("an agent that deletes its data where it finds no peers is never run", async (t) => {
  for (const more of ["", 'allow_promotable="1"']) {
    const wiped = inService(`<ocf name="a" agent="heartbeat:rabbitmq-cluster" ${more}/>`);
    t.match(wiped.said, [/deletes its data at each start then; use <systemd> or <script> instead/]);
    t.notMatch(wiped.said, [/allow_promotable/]);
    t.match(wiped.resources[0]?.agent?.runs, { dialect: "none" });
  }
});

test("an ocf resource is defined once and referred to; used twice it is refused", async (t) => {
  const definition = '<resources><ocf name="b" agent="x:bare"/></resources>';
  const one = load(`${definition}<service name="s"><ocf ref="b"/></service>`);
  t.match(one.resources, [{ key: "b", agent: { runs: { dialect: "ocf", type: "bare" } } }]);
  const twice = load(`${definition}<service name="s"><ocf ref="b"/><ocf ref="b"/></service>`);
  t.match(twice.said, [/ocf b may be used once/]);
});

test("a unit of systemd, with and without its suffix", async (t) => {
  const { resources, said } = inService('<systemd name="p" unit="haproxy"/>');
  t.same(said, []);
  t.match(resources[0]?.agent?.runs, { dialect: "systemd", unit: "haproxy.service" });
  const [timer] = inService('<systemd name="p" unit="a.b.timer"/>').resources;
  t.match(timer?.agent, { runs: { unit: "a.b.timer" }, holds: true });
  const same = '<systemd name="p" unit="a"/><systemd name="q" unit="a.service"/>';
  t.match(inService(same).said, [/unit "a.service" is already used/]);
  t.match(inService('<systemd name="p" unit="-x"/>').said, [/"-x" is not the name of a unit/]);
});

test("native agents come first unless they are switched off", async (t) => {
  const agents = {
    ...found,
    byType: agentsByType([printed(`${directory}/ip.sh`, bulb.replace("bulb", "ip"))]),
  };
  const text = (attributes: string) =>
    '<cluster name="c" config_version="1"><clusternodes><clusternode name="n" nodeid="1"/>' +
    `</clusternodes><rm ${attributes}><service name="s"><ip address="10.0.0.1" id="i"/>` +
    "</service></rm></cluster>";
  const first = (attributes: string) =>
    parseClusterConf(text(attributes), { file: "c", agents }).conf?.services.services[0]?.tree
      .children[0];
  t.equal(first('native="0"')?.agent?.runs.dialect, "rgmanager");
  t.equal(first("")?.agent, undefined);
  t.match(load("", 'agent_path="agents"').said, [/"agents" is not an absolute path/]);
});

test("the family of an address must be its own", async (t) => {
  const of = (family: string, address: string) =>
    inService(`<ip address="${address}" family="${family}"/>`).said;
  t.match(of("inet6", "10.0.0.1/24"), [
    /family is inet6, but the address is of inet; family="auto"/,
  ]);
  t.match(of("inet", "fd00::1"), [/family is inet, but the address is of inet6/]);
  t.same(of("inet6", "fd00::1"), []);
  t.same(of("auto", "fd00::1"), []);
});

test("only agents that the configuration uses are asked for metadata", async (t) => {
  const text =
    '<cluster><rm agent_path="/a"><failoverdomains><failoverdomain/></failoverdomains>' +
    '<resources><fs name="f"><action name="start"/></fs></resources><service name="s">' +
    '<ip address="1.1.1.1"><lamp><ocf agent="ocf:a:b"><param/></ocf></lamp></ip>' +
    '<systemd unit="u"/></service></rm></cluster>';
  t.same(referencedAgents(parseXml(text)), {
    directory: "/a",
    types: ["fs", "lamp"],
    ocf: ["a:b", "heartbeat:Filesystem"],
    units: ["u.service"],
  });
  t.same(referencedAgents(parseXml(text.replace("<rm ", '<rm native="0" '))).types, [
    ...["fs", "service", "ip", "lamp"],
  ]);
  t.same(referencedAgents(parseXml("<broken")).types, []);
});

test("a resource that outlives its processes causes a warning without fence devices", async (t) => {
  const nodes =
    '<clusternode name="a" nodeid="1"/><clusternode name="b" nodeid="2"/>' +
    '<clusternode name="d" nodeid="3"/>';
  const text =
    `<cluster name="c" config_version="1"><clusternodes>${nodes}</clusternodes><rm>` +
    '<service name="s"><ocf name="disk" agent="heartbeat:Filesystem"/></service></rm></cluster>';
  const ocf = new Map([
    ["heartbeat:Filesystem", judgeAnswer(printed("/ocf/Filesystem", bare), "ocf")] as const,
  ]);
  const { complaints } = parseClusterConf(text, { file: "c", agents: { ...found, ocf } });
  t.match(complaints.map(formatComplaint), [
    /warning: .*<ocf> disk holds more than processes and addresses, and a has no fence device/,
  ]);
});

test("the example of HAProxy and MariaDB is well-formed, wherever it is read", async (t) => {
  const file = new URL("../../../conf/haproxy-mariadb.conf.example", import.meta.url);
  const text = readFileSync(fileURLToPath(file), "utf8");
  const { conf, complaints } = parseClusterConf(text, { file: "c" });
  t.same(
    complaints.filter(({ type }) => type !== "agent"),
    [],
  );
  t.same(
    conf?.services.services[0]?.tree.children.map(({ type, key }) => `${type}:${key}`),
    ["ip:20.0.20.200", "ocf:mariadb", "systemd:haproxy"],
  );
});
