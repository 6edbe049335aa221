/**
 * External resource agents under real daemons: Heartbeat's Dummy as it is installed, and an agent
 * of rgmanager's dialect beside others that are broken.
 */
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { existsSync, mkdtempSync, readFileSync, rmSync, unlinkSync, writeFileSync } = await import(
  "node:fs"
);
const { tmpdir } = await import("node:os");
const { join } = await import("node:path");
const { RealCluster } = await import("./real-cluster.ts");
const { callsOf, lampAgent, makeAgentDirectory, writeAgent } = await import("./agent-files.ts");

const directory = mkdtempSync(join(tmpdir(), "clusterd-agents-"));
const files = makeAgentDirectory(directory);
writeAgent(join(files.agents, "lamp.sh"), lampAgent(files));
writeAgent(join(files.agents, "hangs.sh"), "#!/bin/sh\nsleep 1000\n");
writeAgent(join(files.agents, "chatters.sh"), "#!/bin/sh\nyes\n");
writeAgent(join(files.agents, "talks.sh"), "#!/bin/sh\necho good morning\n");

const dummy = "/usr/lib/ocf/resource.d/heartbeat/Dummy";
const withDummy = existsSync(dummy);
const ocf =
  '<service name="ocf" recovery="restart"><ocf name="d0" agent="heartbeat:Dummy">' +
  '<action name="status" depth="*" interval="1"/></ocf></service>' +
  '<service name="vip"><ocf name="v" agent="heartbeat:IPaddr2" ip="20.0.20.210" nic="eth0"' +
  ' cidr_netmask="24"/></service>';
const conf = join(directory, "cluster.conf");
writeFileSync(
  conf,
  `<cluster name="agents" config_version="1"><cman transport="udpu"/><clusternodes>
  <clusternode name="node1.example.com" nodeid="1"/>
  <clusternode name="node2.example.com" nodeid="2"/></clusternodes>
  <rm agent_path="${files.agents}" status_poll_interval="1">
  <service name="light" recovery="relocate">
    <lamp name="l" watt="40" __enforce_timeouts="1"/></service>
  ${withDummy ? ocf : ""}
  <service name="broken" autostart="0"><hangs name="a"/><chatters name="b"/><talks name="c"/>
  </service>
  </rm></cluster>\n`,
);

const cluster = new RealCluster({ conf, nodes: 2 });
const skip = entry.type === "unsupported" ? entry.reason : false;
const skipOcf = skip !== false || withDummy ? skip : "resource-agents is not installed";
if (skip === false) {
  await cluster.start();
  cluster.startAll();
}
suite.teardown(async () => {
  await cluster.stop();
  rmSync(directory, { recursive: true });
});

const light = "service:light";
const on = (node: number, path: string) => `${cluster.net.rootOf(node)}${path}`;

test("broken agents are told of, and everything else starts", { skip }, async (t) => {
  const owner = await cluster.started(1, light, 60_000);
  const said = cluster.daemon(1).output();
  t.match(said, /error: .*"hangs" cannot be used: .*hangs.sh: it does not end/);
  t.match(said, /error: .*"chatters" cannot be used: .*it prints more than/);
  t.match(said, /error: .*"talks" cannot be used: .*its metadata are not XML/);
  const environment = readFileSync(on(owner, "/run/lamp-l"), "utf8").split("\n");
  for (const line of [
    "OCF_RESKEY_name=l",
    "OCF_RESKEY_watt=40",
    "OCF_RESKEY_colour=white",
    "OCF_RESKEY_owner=light",
    "OCF_RESOURCE_INSTANCE=lamp:l",
    "OCF_RESOURCE_TYPE=lamp",
    `OCF_ROOT=${files.agents}`,
    "OCF_RA_VERSION_MAJOR=1",
    "OCF_RA_VERSION_MINOR=0",
    "OCF_CHECK_LEVEL=0",
    "OCF_RESKEY_RGMANAGER_meta_refcnt=0",
    "OCF_RESKEY_RGMANAGER_meta_timeout=0",
    "CLUSTERD_SERVICE=service:light",
  ]) {
    t.ok(environment.includes(line), line);
  }
  const names = environment.map((line) => line.split("=")[0] ?? "");
  t.notOk(names.includes("HOME") || names.includes("NODE_OPTIONS"), names.join(" "));
});

test("a service whose agent is broken fails to start and says why", { skip }, async (t) => {
  const done = await cluster.command(1, "clusvcadm-ts", "-e", "broken");
  t.not(done.code, 0, done.stdout);
  const why = await cluster.command(1, "clustat-ts", "--why", "broken");
  t.match(why.stdout + cluster.logs(), /resource agent "hangs" cannot be used/);
  t.equal((await cluster.service(1, light))?.state, "started");
});

test("an agent that can repair what its check has found is asked to", { skip }, async (t) => {
  const owner = await cluster.started(1, light);
  writeFileSync(on(owner, "/run/lamp-l.broken"), "");
  await cluster.until("repair", () => !existsSync(on(owner, "/run/lamp-l.broken")));
  const node = `node${owner}.example.com`;
  t.ok(callsOf(files).includes(`${node} recover 0`));
  t.equal(await cluster.started(1, light), owner, "it has not moved");
});

test("a lamp that is out is lit on the other node", { skip }, async (t) => {
  const owner = await cluster.started(1, light);
  unlinkSync(on(owner, "/run/lamp-l"));
  await cluster.until("relocation", async () => {
    const service = await cluster.service(1, light);
    return service?.state === "started" && service.owner !== owner;
  });
  t.match(cluster.daemon(owner).output(), /status on lamp \\"l\\" returned 7 \(not running\)/);
});

test("a check that hangs is ended at its limit, with all it has started", { skip }, async (t) => {
  const owner = await cluster.started(1, light);
  writeFileSync(on(owner, "/run/lamp-l.hangs"), "");
  await cluster.until("relocation", async () => {
    const service = await cluster.service(1, light);
    return service?.state === "started" && service.owner !== owner;
  });
  t.match(cluster.daemon(owner).output(), /status on lamp \\"l\\" timed out after 2 seconds/);
  const listed = await cluster.net.execOnNode(owner, ["ps", "-eo", "args"]);
  t.notMatch(listed.stdout, /^sleep 1000$/m);
  unlinkSync(on(owner, "/run/lamp-l.hangs"));
});

test("resource case 30: Heartbeat's Dummy starts, is missed, comes back and stops", {
  skip: skipOcf,
}, async (t) => {
  const owner = await cluster.started(1, "service:ocf");
  const state = on(owner, "/run/resource-agents/Dummy-d0.state");
  t.ok(existsSync(state));
  unlinkSync(state);
  await cluster.until("recovery", async () => {
    const service = await cluster.service(1, "service:ocf");
    return service?.state === "started" && existsSync(state);
  });
  t.match(cluster.daemon(owner).output(), /status on ocf \\"d0\\" returned 7 \(not running\)/);
  const disabled = await cluster.command(1, "clusvcadm-ts", "-d", "ocf");
  t.equal(disabled.code, 0, disabled.stdout);
  t.notOk(existsSync(state));
});

test("the check of a configuration finds the same, and its status says so", { skip }, async (t) => {
  const checked = await cluster.command(1, "clusterd", "--check", "-c", conf);
  t.equal(checked.code, 1);
  t.match(checked.stderr, /^3 errors, 3 warnings$/m);
});

test("the guard of a dead daemon takes away what IPaddr2 has added", {
  skip: skipOcf,
}, async (t) => {
  const owner = await cluster.started(1, "service:vip");
  t.same(cluster.net.holders("20.0.20.210"), [owner]);
  cluster.daemon(owner).kill("SIGKILL");
  await cluster.until("removal", () => cluster.net.holders("20.0.20.210").length === 0);
});
