/** Types of rgmanager's whose agents are not there, and run by those of resource-agents. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { test } from "tap";
import {
  type DiscoveredAgents,
  judgeAnswer,
  noAgents,
} from "../../src/config/agents/discovered-agents.ts";
import { replacementOf } from "../../src/config/agents/equivalent-agents.ts";
import { formatComplaint } from "../../src/config/text/complaint.ts";
import type { ResourceConf } from "../../src/model/conf.ts";
import { ocfEquivalents, withoutEquivalent } from "../../src/model/ocf-equivalents.ts";
import { parseClusterConf } from "./parsed-conf.ts";

const heartbeat = "/usr/lib/ocf/resource.d/heartbeat";

function metadata(parameters: Readonly<Record<string, boolean>>): string {
  const listed = Object.entries(parameters).map(
    ([name, required]) => `<parameter name="${name}" required="${required ? 1 : 0}"/>`,
  );
  return `<resource-agent name="any"><parameters>${listed.join("")}</parameters><actions>
    <action name="start" timeout="60s"/><action name="stop" timeout="60s"/>
    <action name="monitor" timeout="40s" interval="20s"/></actions></resource-agent>`;
}

function installed(agents: Readonly<Record<string, string>>): DiscoveredAgents {
  const answers = Object.entries(agents).map(([name, text]) => {
    const file = `/ocf/${name}`;
    return [name, judgeAnswer({ file, outcome: { type: "printed", text } }, "ocf")] as const;
  });
  return { ...noAgents, ocf: new Map(answers) };
}

const fileSystem = metadata({
  ...{ device: true, directory: true, fstype: true },
  ...{ options: false, run_fsck: false, force_unmount: false },
});
const found = installed({
  "heartbeat:Filesystem": fileSystem,
  "heartbeat:exportfs": metadata({ clientspec: true, directory: true, fsid: true, options: false }),
  "heartbeat:tomcat": metadata({ java_home: true, catalina_home: true }),
});

function load(rm: string, agents: DiscoveredAgents = found) {
  const text =
    '<cluster name="c" config_version="1"><clusternodes><clusternode name="n" nodeid="1"/>' +
    `</clusternodes><rm>${rm}</rm></cluster>`;
  const { conf, complaints } = parseClusterConf(text, { file: "c", agents });
  const services = conf?.services.services ?? [];
  return { services, tree: services[0]?.tree, said: complaints.map(formatComplaint) };
}

test("a file system, and what its agent cannot be told", async (t) => {
  const { tree, said } = load(
    '<service name="s"><fs name="d" device="/dev/vg/d" mountpoint="/srv" self_fence="1" ' +
      'nfslock="0" run_fsck="no"/></service>',
  );
  const runs = { dialect: "ocf", file: "/ocf/heartbeat:Filesystem", replaces: { type: "fs" } };
  t.match(tree?.children[0], { type: "fs", key: "d", agent: { holds: true, runs } });
  t.match(tree?.children[0]?.agent?.actions, [
    { name: "start", timeoutMs: 60_000 },
    { name: "stop" },
    { name: "status", intervalMs: 20_000 },
  ]);
  t.match(
    said.filter((one) => !one.includes("fence device")),
    [
      /warning: .*fs\(d\): no agent "fs" in .*: it runs as ocf:heartbeat:Filesystem \(device, dir/,
      /warning: .*@self_fence: ocf:heartbeat:Filesystem, which runs the fs, knows no self_fence: a/,
    ],
  );
});

test("a virtual machine is a service of its own, with what it says as one", async (t) => {
  const agents = installed({ "heartbeat:VirtualDomain": metadata({ config: true }) });
  const rm =
    '<failoverdomains><failoverdomain name="d"><failoverdomainnode name="n"/></failoverdomain>' +
    '</failoverdomains><resources><vm name="b" migrate="pause" xmlfile="/b.xml"/></resources>' +
    '<vm name="a" domain="d" autostart="0" exclusive="1" recovery="relocate" depend="vm:b"/>' +
    '<vm ref="b"/>';
  const { services, said } = load(rm, agents);
  t.same(
    services.map(({ name }) => name),
    ["vm:a", "vm:b"],
  );
  const expected = { domain: "d", autostart: false, exclusive: true, recovery: "relocate" };
  t.match(services[0], { ...expected, depend: "vm:b", tree: { type: "service", key: "a" } });
  t.match(services[0]?.tree.children, [{ type: "vm", key: "a", agent: { holds: true } }]);
  t.match(said.join("\n"), /@migrate: .* it is stopped and started elsewhere, not moved while/);
  const wrong = load('<vm name="a" recovery="never"/>', agents).said.join("\n");
  t.match(wrong, /error: .*vm\(a\)\/@recovery: "never" is not .*; restart, relocate, disable/);
  const twice = load('<vm name="a"/><service name="s"><vm name="a"/></service>', agents);
  t.match(twice.said.join("\n"), /vm a may be used once, first at line 1/);
});

test("order among siblings, and inheritance, stay those of rgmanager", async (t) => {
  const { tree } = load(
    '<service name="s"><ip address="10.0.0.1"/><fs name="d" device="/dev/d" mountpoint="/srv" ' +
      'fsid="7"><nfsexport name="e"><nfsclient name="lan" target="*"/></nfsexport></fs></service>',
  );
  const fs = tree?.children.find(({ type }) => type === "fs");
  t.equal(fs?.agent?.children, undefined, "as of its type");
  const [exported] = fs?.children ?? [];
  t.match(exported?.agent, { actions: [], holds: undefined }, "nothing is called");
  const client: ResourceConf | undefined = exported?.children[0];
  t.match(Object.fromEntries(client?.attributes ?? []), { path: "/srv", fsid: "7", target: "*" });
});

test("parameters that only the agent knows are required where it needs them", async (t) => {
  const of = (more: string) =>
    load(`<service name="s"><tomcat-6 name="t" ${more}/></service>`).said.join("\n");
  t.match(of(""), /attribute java_home is missing/);
  t.notMatch(of('java_home="/usr/lib/jvm/x" catalina_home="/opt/tomcat"'), /error/);
});

test("without the package the services stay, and cannot run here", async (t) => {
  const text = '<service name="s"><fs name="d" device="/dev/d" mountpoint="/srv"/></service>';
  const { tree, said } = load(text, noAgents);
  t.match(tree?.children[0]?.agent?.runs, { dialect: "none" });
  t.match(said, [/error: .*which runs the fs, as .* has no agent, cannot be used: it is not ins/]);
});

test("what nothing replaces names the remedy", async (t) => {
  const { tree, said } = load('<service name="s"><samba name="x"/></service>');
  t.match(said, [/error: .*"samba" cannot be used: .* use instead: <systemd unit="smbd"\/>/]);
  t.match(tree?.children[0]?.agent?.runs, { dialect: "none" });
});

test("an agent in the directory is taken instead", async (t) => {
  const text = metadata({ name: false, mountpoint: true })
    .replace("any", "fs")
    .replace('name="name"', 'name="name" primary="1"');
  const own = judgeAnswer({ file: "/a/fs.sh", outcome: { type: "printed", text } }, "rgmanager");
  const { tree } = load('<service name="s"><fs name="d" mountpoint="/srv"/></service>', {
    ...found,
    byType: new Map([["fs", own]]),
  });
  t.match(tree?.children[0]?.agent?.runs, { dialect: "rgmanager", file: "/a/fs.sh" });
});

test("family words of real files", async (t) => {
  for (const family of ["ipv4", "ipv6", "auto"]) {
    const rm = `<service name="s"><ip address="10.0.0.1" family="${family}"/></service>`;
    t.same(load(rm).said, [], family);
  }
});

test("every type has the rule of its own agent, and none is in both tables", async (t) => {
  for (const type of Object.keys(ocfEquivalents)) {
    t.not(replacementOf(type), null, type);
    t.notOk(type in withoutEquivalent, type);
  }
});

test("the real agents have the parameters that they are given", {
  skip: existsSync(heartbeat) ? false : "the package resource-agents is not installed",
}, async (t) => {
  for (const [type, { agent, translate, same }] of Object.entries(ocfEquivalents)) {
    const file = `${heartbeat}/${agent.split(":")[1]}`;
    if (!existsSync(file)) {
      t.comment(`${file} is not installed`);
      continue;
    }
    const env = { ...process.env, OCF_ROOT: "/usr/lib/ocf" };
    const { stdout } = spawnSync(file, ["meta-data"], { env, encoding: "utf8" });
    const known = [...stdout.matchAll(/<parameter name="([^"]+)"/g)].map(([, name]) => name);
    const rule = replacementOf(type)?.original.parameters ?? [];
    const given = same === true ? rule.map(({ name }) => name) : Object.keys(translate(() => "x"));
    const strangers = given.filter((name) => !known.includes(name));
    t.same(strangers, [], `${type}: ${agent}`);
  }
});
