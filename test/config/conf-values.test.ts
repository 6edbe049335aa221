/** What accepted files become: fencing, logging, quorum, domains, services, resources, actions. */
import { test } from "tap";
import type { AgentRule } from "../../src/config/agents/agent-tables.ts";
import {
  type Complaint,
  formatComplaint,
  formatCount,
  unreadableFile,
} from "../../src/config/text/complaint.ts";
import type { ClusterConf } from "../../src/model/conf.ts";
import { ms } from "../../src/model/time.ts";
import { formatComplaints, parseClusterConf } from "./parsed-conf.ts";

type Parts = {
  readonly fence?: string;
  readonly cluster?: string;
  readonly agents?: readonly AgentRule[];
};

/** Three nodes; `fence` stands inside the first one. */
function load({ fence = "", cluster = "", agents = [] }: Parts): ClusterConf {
  const text =
    '<cluster name="web" config_version="1"><clusternodes>' +
    `<clusternode name="node1" nodeid="1">${fence}</clusternode>` +
    '<clusternode name="node2" nodeid="2"/><clusternode name="node3" nodeid="3"/>' +
    `</clusternodes>${cluster}</cluster>`;
  const { conf, complaints } = parseClusterConf(text, { file: "c", rmAgents: agents });
  if (conf === null) throw new Error(complaints.map(formatComplaint).join("\n"));
  return conf;
}

function loadServices(rm: string, agents: readonly AgentRule[] = []) {
  return load({ cluster: `<rm>${rm}</rm>`, agents }).services.services;
}

test("an agent gets the parameters of fencedevice and device, which take precedence", async (t) => {
  const conf = load({
    fence:
      '<fence><method name="a"><device name="apc" port="1" option="off"/>' +
      '<device name="apc" port="2" nodename="x" action="on"/></method>' +
      '<method name="b"><device name="own"/></method></fence>',
    cluster:
      '<fencedevices><fencedevice name="apc" agent="fence_apc" action="reboot" ip="10.0.0.9"/>' +
      '<fencedevice name="own" agent="self"/></fencedevices>',
  });
  const apc = { device: "apc", agent: "fence_apc" };
  t.same(conf.nodes[0]?.fenceMethods, [
    {
      name: "a",
      devices: [
        {
          ...apc,
          parameters: [
            ["action", "off"],
            ["ip", "10.0.0.9"],
            ["port", "1"],
            ["nodename", "node1"],
          ],
        },
        {
          ...apc,
          parameters: [
            ["action", "on"],
            ["ip", "10.0.0.9"],
            ["port", "2"],
            ["nodename", "x"],
          ],
        },
      ],
    },
    { name: "b", devices: [{ device: "own", agent: "self", parameters: [] }] },
  ]);
  t.same(conf.nodes[1]?.fenceMethods, []);
});

test("the fence daemon's options are durations in milliseconds", async (t) => {
  const { fencing } = load({
    cluster:
      '<fence_daemon post_join_delay="-1" post_fail_delay="2" override_time="5" clean_start="yes"' +
      ' skip_undefined="1" agent_timeout="90" self_fence="software" lease="5000"' +
      ' kill_timeout="3000" safe_wait="20000"/>',
  });
  t.same(fencing, {
    postJoinDelayMs: null,
    postFailDelayMs: 2000,
    overrideTimeMs: 5000,
    cleanStart: true,
    skipUndefined: true,
    agentTimeoutMs: 90_000,
    selfFence: "software",
    leaseMs: 5000,
    killTimeoutMs: 3000,
    safeWaitMs: 20_000,
    watchdog: null,
  });
});

test("a watchdog's time-out is in whole seconds, and the safe wait covers it", async (t) => {
  const of = (more: string) => load({ cluster: `<fence_daemon ${more}/>` }).fencing;
  const device = "/dev/watchdog";
  const auto = of("");
  t.same(auto.watchdog, { device, timeoutMs: 5000, safeWaitMs: 9282 });
  t.equal(auto.safeWaitMs, 4442, "the other nodes may have none");
  const strict = of('self_fence="watchdog" watchdog_device="/dev/watchdog1" watchdog_timeout="8"');
  t.same(strict.watchdog, { device: "/dev/watchdog1", timeoutMs: 8000, safeWaitMs: 12_312 });
  t.equal(strict.safeWaitMs, 12_312);
  const waiting = of('safe_wait="30000"');
  t.same(waiting.watchdog, { device, timeoutMs: 5000, safeWaitMs: 30_000 });
  t.equal(of('kill_timeout="6000"').watchdog?.timeoutMs, 8000, "TIMING2 raises the default");
  for (const mode of ["software", "no"]) t.equal(of(`self_fence="${mode}"`).watchdog, null);
});

test("self-fencing is off with two_node, and waiting for all is on", async (t) => {
  const of = (more: string) =>
    parseClusterConf(
      `<cluster name="w" config_version="1"><cman two_node="1" expected_votes="1" ${more}/>` +
        '<clusternodes><clusternode name="a" nodeid="1"/><clusternode name="b" nodeid="2"/>' +
        "</clusternodes></cluster>",
      { file: "c" },
    ).conf;
  t.equal(of("")?.fencing.selfFence, "no");
  t.match(of("")?.quorum, { expectedVotes: 2, twoNode: true, waitForAll: true });
  t.equal(of('wait_for_all="0"')?.quorum.waitForAll, false);
  t.equal(load({ cluster: '<cman wait_for_all="1"/>' }).quorum.waitForAll, true);
  t.equal(load({ cluster: '<cman expected_votes="4"/>' }).quorum.expectedVotes, 4);
});

test("a log channel takes the priority of its subsystem, else of its daemon", async (t) => {
  const { logging } = load({
    cluster:
      '<logging logfile_priority="NOTICE" logfile="/var/log/x">' +
      '<logging_daemon name="corosync" subsys="TOTEM" debug="on"/>' +
      '<logging_daemon name="corosync" logfile_priority="err"/>' +
      '<logging_daemon name="fenced" logfile_priority="warning"/>' +
      '<logging_daemon name="qdiskd" debug="on"/></logging>',
  });
  const priority = { totem: "debug", quorum: "err", fencing: "warning", services: "notice" };
  t.same(logging, { priority, logFile: "/var/log/x" });
});

test("a log file is written only if the file asks for one", async (t) => {
  const of = (attributes: string) => load({ cluster: `<logging ${attributes}/>` }).logging.logFile;
  t.equal(of(""), null);
  t.equal(of('to_logfile="yes"'), "/var/log/cluster/clusterd.log");
  t.equal(of('to_logfile="no" logfile="/x"'), null);
  t.equal(of('logfile="/x"'), "/x");
});

test("domains keep their nodes in document order with priorities", async (t) => {
  const { domains } = load({
    cluster:
      '<rm disabled="1" status_child_max="7"><failoverdomains>' +
      '<failoverdomain name="d" ordered="yes" restricted="on" nofailback="true">' +
      '<failoverdomainnode name="node3" priority="1"/><failoverdomainnode name="node1"/>' +
      "</failoverdomain></failoverdomains></rm>",
  }).services;
  t.same(domains, [
    {
      name: "d",
      ordered: true,
      restricted: true,
      nofailback: true,
      nodes: [
        { node: 3, priority: 1 },
        { node: 1, priority: null },
      ],
    },
  ]);
  t.match(load({ cluster: '<rm disabled="1" status_child_max="7"/>' }).services, {
    enabled: false,
    statusChildMax: 7,
    statusPollIntervalMs: null,
  });
});

test("brokers are observed unless the file says otherwise", async (t) => {
  t.equal(load({ cluster: "<rm/>" }).services.brokers, "observe");
  t.equal(load({ cluster: '<rm qpid="observe"/>' }).services.brokers, "observe");
  t.equal(load({ cluster: '<rm qpid="off"/>' }).services.brokers, "off");
});

test("a standstill of brokers is reported after 30 s unless the file says otherwise", async (t) => {
  const hang = (attributes: string) => load({ cluster: `<rm ${attributes}/>` }).services.brokerHang;
  t.same(hang(""), { timeoutMs: 30_000, recovery: "report" });
  const other = hang('qpid_hang_timeout="90" qpid_hang_recovery="restart"');
  t.same(other, { timeoutMs: 90_000, recovery: "restart" });
});

test("the attributes of a service are honoured", async (t) => {
  const [service] = loadServices(
    '<service name="a" autostart="no" exclusive="yes" recovery="disable" depend="b"' +
      ' depend_mode="soft" max_restarts="3" restart_expire_time="5m" priority="2"' +
      ' retry_delay="0"/><service name="b"/>',
  );
  t.match(service, {
    name: "service:a",
    autostart: false,
    exclusive: true,
    recovery: "disable",
    depend: "service:b",
    dependMode: "soft",
    maxRestarts: 3,
    restartExpireMs: 300_000,
    priority: 2,
    retryDelayMs: 0,
  });
});

test("children keep document order across types, nested ones too", async (t) => {
  const [service] = loadServices(
    '<service name="a" nfslock="1"><ip address="10.0.0.1"><script name="s" file="/s"/></ip>' +
      '<script name="t" file="/t"/><ip address="10.0.0.2/24" monitor_link="0"/></service>',
  );
  const children = service?.tree.children ?? [];
  t.same(
    children.map(({ type, key }) => `${type} ${key}`),
    ["ip 10.0.0.1", "script t", "ip 10.0.0.2/24"],
  );
  t.equal(children[0]?.children[0]?.key, "s");
  t.same(new Map(children[0]?.children[0]?.attributes).get("service_name"), "a", "inherited");
  t.same(new Map(children[2]?.attributes).get("nfslock"), "1", "inherited");
});

test("defaults of a type apply to definitions inside and outside of services", async (t) => {
  const [service] = loadServices(
    '<resources><ip address="10.0.0.1"/></resources>' +
      '<resource-defaults><ip sleeptime="0" nfslock="1"><action name="stop" timeout="9"/></ip>' +
      '</resource-defaults><service name="a"><ip ref="10.0.0.1"/>' +
      '<ip address="10.0.0.2" sleeptime="3"/></service>',
  );
  const [first, second] = (service?.tree.children ?? []).map(
    ({ attributes }) => new Map(attributes),
  );
  t.equal(first?.get("sleeptime"), "0");
  t.equal(second?.get("sleeptime"), "3");
  t.equal(first?.get("nfslock"), "1", "a default ends inheritance");
  t.same(service?.tree.children[0]?.actions, [
    { name: "stop", depth: null, intervalMs: null, timeoutMs: 9000 },
  ]);
});

test("actions of the definition come before those of the reference", async (t) => {
  const [service] = loadServices(
    '<resources><script name="s" file="/s"><action name="status" depth="*" interval="1"/>' +
      '</script></resources><service name="a"><script ref="s">' +
      '<action name="status" depth="10" interval="1m" timeout="5"/></script></service>',
  );
  t.same(service?.tree.children[0]?.actions, [
    { name: "status", depth: null, intervalMs: 1000, timeoutMs: null },
    { name: "status", depth: 10, intervalMs: 60_000, timeoutMs: 5000 },
  ]);
});

test("a shared script has one occurrence for each use", async (t) => {
  const services = loadServices(
    '<resources><script name="s" file="/s"/></resources>' +
      '<service name="a"><script ref="s"/></service><service name="b"><script ref="s"/></service>',
  );
  t.same(
    services.map(({ tree }) => new Map(tree.children[0]?.attributes).get("service_name")),
    ["a", "b"],
  );
});

test("rules of further agents make their types known and can replace built-in ones", async (t) => {
  const fs: AgentRule = {
    type: "fs",
    instancesMax: 2,
    parameters: [
      { name: "name", kind: { type: "text" }, primary: true },
      { name: "mountpoint", kind: { type: "path" }, unique: true, required: true },
      { name: "options", kind: { type: "text" }, default: "rw" },
    ],
    actions: [{ name: "start", depth: 0, intervalMs: null, timeoutMs: ms(900_000) }],
  };
  const rm = '<service name="a"><fs name="m" mountpoint="/mnt"/></service>';
  t.same(loadServices(rm, [fs])[0]?.tree.children[0]?.attributes, [
    ["name", "m"],
    ["mountpoint", "/mnt"],
    ["options", "rw"],
  ]);
  const lamp = '<service name="a"><lamp name="m"/></service>';
  t.throws(() => loadServices(lamp), /no resource agent "lamp"; known types: service, script, ip/);
  const uses = '<service name="x"><fs ref="m"/><fs ref="m"/><fs ref="m"/></service>';
  const three = `<resources><fs name="m" mountpoint="/mnt"/></resources>${uses}`;
  t.throws(() => loadServices(three, [fs]), /fs m may be used 2 times/);
});

test("an address that the resource could not use is refused", async (t) => {
  const of = (address: string) => `<service name="a"><ip address="${address}"/></service>`;
  for (const wrong of ["1.2.3.4::", "1.2.3.4::1", "fe80::1%eth0", "01.2.3.4", "10.0.0.1/33"]) {
    t.throws(() => loadServices(of(wrong)), /is not an address/, wrong);
  }
  for (const right of ["::1.2.3.4", "fd00::1/64", "10.0.0.1/24"]) {
    t.equal(loadServices(of(right)).length, 1, right);
  }
});

test("complaints are one line each and counted", async (t) => {
  const missing = unreadableFile("/etc/x", "ENOENT: no such file or directory");
  t.equal(
    formatComplaint(missing),
    "/etc/x: error: cannot be read: ENOENT: no such file or directory",
  );
  const warning: Complaint = { ...missing, severity: "warning", line: 3, path: "/a", allowed: "b" };
  t.equal(
    formatComplaint(warning),
    "/etc/x:3: warning: /a: cannot be read: ENOENT: no such file or directory; b",
  );
  t.equal(formatCount([]), "no complaints");
  t.equal(formatCount([missing]), "1 error");
  t.equal(formatCount([warning, warning]), "2 warnings");
  t.equal(formatCount([missing, missing, warning]), "2 errors, 1 warning");
  t.equal(formatComplaints([]), "");
  t.equal(formatComplaints([missing]).split("\n").length, 3);
});

test("an independent part has a limit of restarts, which needs both attributes", async (t) => {
  const [web] = loadServices(
    `<service name="web"><script name="a" file="/a" __independent_subtree="1">
      <script name="b" file="/b" __independent_subtree="non-critical" __max_restarts="2"
        __restart_expire_time="5m"/>
      <script name="c" file="/c" __independent_subtree="0"/></script>
      <script name="d" file="/d" __independent_subtree="2" __max_restarts="2"/></service>`,
  );
  const [a, d] = web?.tree.children ?? [];
  const [b, c] = a?.children ?? [];
  t.same(a?.subtree, { kind: "independent", restarts: null });
  t.same(b?.subtree, { kind: "non-critical", restarts: { max: 2, expireMs: 300_000 } });
  t.equal(c?.subtree, undefined);
  t.same(d?.subtree, { kind: "non-critical", restarts: null });
});

test("an empty domain is none", async (t) => {
  t.equal(loadServices('<service name="a" domain=""/>')[0]?.domain, null);
});
