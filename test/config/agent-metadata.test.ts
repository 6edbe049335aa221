/** Metadata of agents, rule by rule of the original, and of every agent that is installed here. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "tap";
import { type AgentDialect, parseMetadata } from "../../src/config/agents/agent-metadata.ts";
import { ms } from "../../src/model/time.ts";

const name = '<parameter name="name" primary="1"/>';

/** `inside` stands below the root. */
function read(inside: string, dialect: AgentDialect = "rgmanager") {
  const parsed = parseMetadata(
    `<?xml version="1.0"?>\n<resource-agent name="x" version="1">${inside}</resource-agent>`,
    dialect,
  );
  if (!parsed.ok) throw new Error(parsed.problem.cause);
  return parsed.value;
}

function parameters(words: string) {
  return read(`<parameters>${words}</parameters>`).parameters;
}

function problemOf(text: string, dialect: AgentDialect = "rgmanager"): string {
  const parsed = parseMetadata(text, dialect);
  if (parsed.ok) throw new Error("accepted");
  return parsed.problem.cause;
}

test("flags are true as numbers and as words", async (t) => {
  const required = (value: string) =>
    parameters(`${name}<parameter name="p" required="${value}"/>`)[1]?.required === true;
  for (const value of ["1", "7", "yes", "y", "true", "on"]) t.ok(required(value), value);
  for (const value of ["0", "no", "false", "", "maybe"]) t.notOk(required(value), value);
});

test("the primary parameter changes places with the first", async (t) => {
  const found = parameters(`<parameter name="a"/><parameter name="b"/>${name}`);
  t.same(
    found.map((one) => one.name),
    ["name", "b", "a"],
  );
});

test("defaults and inheritance: what is inherited has no default", async (t) => {
  const [, empty, given, both] = parameters(
    `${name}<parameter name="a"><content type="string" default=""/></parameter>` +
      '<parameter name="b" reconfig="1"><content type="integer" default="3"/></parameter>' +
      '<parameter name="c" inherit="service%name"><content default="4"/></parameter>',
  );
  t.equal(empty?.default, "");
  t.match(given, { default: "3", reconfig: true, kind: { type: "integer" } });
  t.same(both?.inherit, { type: "service", attribute: "name" });
  t.equal(both?.default, undefined);
});

test("actions: times, depths, and the interval that makes a check a scheduled one", async (t) => {
  const { actions } = read(
    `<parameters>${name}</parameters><actions>` +
      '<action name="start" timeout="1h30m" depth="5"/>' +
      '<action name="status" timeout="20s" interval="0"/>' +
      '<action name="status" timeout="30" interval="1m" depth="10"/>' +
      '<action name="monitor" timeout="x" role="Promoted" interval="1"/>' +
      '<action name="stop" timeout="long"/></actions>',
  );
  t.same(actions, [
    { name: "start", depth: 0, intervalMs: null, timeoutMs: ms(5_400_000) },
    { name: "status", depth: 0, intervalMs: ms(1000), timeoutMs: ms(20_000) },
    { name: "status", depth: 10, intervalMs: ms(60_000), timeoutMs: ms(30_000) },
    { name: "stop", depth: 0, intervalMs: null, timeoutMs: ms(0) },
  ]);
});

test("what is special to rgmanager: instances, children and their levels", async (t) => {
  const special =
    '<special tag="other"><attributes maxinstances="9"/></special><special tag="rgmanager">' +
    '<attributes maxinstances="1" init_on_add="0" destroy_on_delete="0"/>' +
    '<child type="ip" start="2" stop="101"/><child type="fs" forbid="1"/></special>';
  t.match(read(`<parameters>${name}</parameters>${special}`), {
    instancesMax: 1,
    initOnAdd: false,
    destroyOnDelete: false,
    children: [
      { type: "ip", start: 2, stop: 0 },
      { type: "fs", start: 0, stop: 0, forbidden: true },
    ],
  });
  const plain = read(`<parameters>${name}</parameters>`);
  t.match(plain, { instancesMax: null, initOnAdd: true, destroyOnDelete: true, children: [] });
});

test("metadata that cannot be used are refused with a reason", async (t) => {
  const agent = (inside: string, type = "x") =>
    `<resource-agent name="${type}"><parameters>${inside}</parameters></resource-agent>`;
  t.equal(problemOf(" \n"), "it prints no metadata");
  t.match(problemOf("usage: fs start|stop"), /^its metadata are not XML: not well-formed at 1:1/);
  t.match(problemOf("<html/>"), "its metadata begin with <html>");
  t.equal(problemOf("<resource-agent/>"), "its metadata have no name");
  t.equal(problemOf(agent(name, "Action")), "it calls itself action");
  t.equal(problemOf(agent("")), "its metadata have no parameters");
  t.equal(problemOf(agent('<parameter name="a"/>')), "none of its parameters is primary");
  t.equal(problemOf(agent(`${name}${name}`)), "2 of its parameters are primary");
  t.match(problemOf(agent(`${name}<parameter/>`)), "has no usable name");
  t.match(
    problemOf(agent(`${name}<parameter name="q" required="1" inherit="a"/>`)),
    'its parameter "q" is inherited',
  );
  t.match(problemOf(`<!DOCTYPE a [<!ENTITY b "c">]>${agent(name)}`), "are not XML");
  t.equal(parseMetadata(agent(""), "ocf").ok, true, "Heartbeat's agents may have none");
});

const folder = "/usr/lib/ocf/resource.d/heartbeat";
/** In shell and Python, with and without depths, roles and defaults of several lines. */
const some =
  "Dummy IPaddr2 Filesystem LVM-activate VirtualDomain anything apache azure-events docker " +
  "dummypy exportfs galera iSCSITarget mariadb mysql named nfsserver nginx openstack-info pgsql " +
  "podman proftpd rabbitmq-cluster redis storage-mon tomcat";

test("agents of Heartbeat are understood as they are installed", {
  skip: existsSync(folder) ? false : "resource-agents is not installed",
}, async (t) => {
  let count = 0;
  for (const file of some.split(" ").map((one) => join(folder, one))) {
    const text = metadataOf(file);
    if (text === "") continue;
    const parsed = parseMetadata(text, "ocf");
    count += 1;
    if (!parsed.ok) t.fail(`${file}: ${parsed.problem.cause}`);
    else if (parsed.value.actions.length === 0) t.fail(`${file}: no actions`);
  }
  t.ok(count > 15, `${count} agents`);
});

/** Empty where it needs something that is not installed. */
function metadataOf(file: string): string {
  const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", OCF_ROOT: "/usr/lib/ocf" };
  try {
    return execFileSync(file, ["meta-data"], { env, stdio: "pipe", encoding: "utf8" });
  } catch {
    return "";
  }
}
