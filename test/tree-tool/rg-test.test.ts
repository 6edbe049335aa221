/** The command rg_test-ts on configurations of its own, and on the published one. */
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "tap";
import { accept, refuse } from "../../src/model/outcome.ts";
import { rgTest } from "../../src/tree-tool/rg-test.ts";
import { builtInRules } from "../../src/tree-tool/tree-rule.ts";
import { sameAsGolden } from "../cli/golden-file.ts";
import { type Outcome, run } from "../cli/spawned.ts";

/** Seen from build/test/tree-tool. */
const published = fileURLToPath(
  new URL("../../../test/golden/qpid-manual-cluster.conf", import.meta.url),
);

/** Runs the command on files `a`, `b` and so on, each given by what is inside `<rm>`. */
async function command(words: string, files: Readonly<Record<string, string>>): Promise<Outcome> {
  let out = "";
  let err = "";
  const exit = await rgTest(words.split(" "), builtInRules(), {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    read: (path) => {
      const inside = files[path];
      const text = `<?xml version="1.0"?>\n<cluster><rm>\n${inside ?? ""}\n</rm></cluster>`;
      return Promise.resolve(inside === undefined ? refuse("absent") : accept(text));
    },
    agents: () => Promise.resolve(null),
  });
  return { out, err, exit };
}

/** The agent calls among the lines, `action type:key` each. */
function calls({ out }: Outcome): readonly string[] {
  return out
    .split("\n")
    .filter((line) => line.startsWith("["))
    .map((line) => line.replace(/[[\]]/g, ""));
}

async function order(action: "start" | "stop" | "status", inside: string): Promise<string> {
  const outcome = await command(`noop a ${action} service s`, { a: inside });
  return calls(outcome)
    .map((call) => call.replace(/^\w+ \w[\w-]*:/, ""))
    .join(" ");
}

const script = (name: string) => `<script name="${name}" file="/etc/init.d/${name}"/>`;
const ip = (address: string) => `<ip address="${address}"/>`;
const fs = (name: string, inside = "") =>
  `<fs name="${name}" mountpoint="/mnt/${name}" device="/dev/${name}">${inside}</fs>`;
const service = (inside: string, attributes = "") =>
  `<service name="s" ${attributes}>${inside}</service>`;

test("resource cases 1, 2: the published example", async (t) => {
  const shown = await run("rg_test-ts", ["test", published]);
  t.equal(shown.exit, 0);
  t.match(shown.err, /^Running in test mode.\nLoaded 22 resource rules\n$/);
  t.equal(shown.out.match(/^Resource type: /gm)?.length, 7);
  sameAsGolden(t, "rg-test/qpid-manual.txt", shown.out);
  const primary = ["service", "qpidd-primary-service"];
  const start = await run("rg_test-ts", ["noop", published, "start", ...primary]);
  t.equal(
    start.out,
    "Starting qpidd-primary-service...\n[start] service:qpidd-primary-service\n" +
      "[start] ip:20.0.20.200\n[start] script:qpidd-primary\n" +
      "Start of qpidd-primary-service complete\n",
  );
  const stop = await run("rg_test-ts", ["noop", published, "stop", ...primary]);
  t.match(stop.out, /script:qpidd-primary\n.*ip:20.0.20.200\n.*service:qpidd-primary-service\n/);
});

test("resource cases 3, 4, 5: typed children go by level", async (t) => {
  const apache = (name: string) => `<apache name="${name}"/>`;
  const mixed = service(`${script("x")}${apache("w1")}${apache("w2")}${ip("1.1.1.1")}${fs("f")}`);
  t.equal(await order("start", mixed), "s f 1.1.1.1 x w1 w2");
  t.equal(await order("status", mixed), "s f 1.1.1.1 x w1 w2");
  t.equal(await order("stop", mixed), "w2 w1 x 1.1.1.1 f s");
  const smb = service(`<smb name="m"/>${ip("1.1.1.1")}${script("x")}`);
  t.equal(await order("stop", smb), "x 1.1.1.1 m s");
  const nested = service(
    fs("f", `${script("b")}<nfsexport name="e"><nfsclient name="c" target="*"/></nfsexport>`),
  );
  t.equal(await order("start", nested), "s f e c b");
  t.equal(await order("stop", nested), "b c e f s");
});

test("a forbidden child vanishes", async (t) => {
  const inside = service(`<ip address="1.1.1.1"><nfsexport name="e"/></ip>`);
  t.equal(await order("start", inside), "s 1.1.1.1");
});

test("resource cases 6, 7: references by key and by file, else skipped", async (t) => {
  const resources = `<resources>${script("x")}${ip("1.1.1.1")}</resources>`;
  const byFile = resources + service(`<script ref="/etc/init.d/x"/>`);
  t.equal(await order("start", byFile), "s x");
  const wrong =
    resources +
    service(
      `<script ref="none"/>${script("y")}<script ref="y"/>${ip("1.1.1.1")}` +
        `<ip ref="1.1.1.1"/><ip ref="1.1.1.1"/>`,
    );
  const outcome = await command("test a", { a: wrong });
  const messages = outcome.out.slice(0, outcome.out.indexOf("==="));
  t.same(messages.trimEnd().split("\n"), [
    "Error: Primary attribute collision. type=ip attr=address value=1.1.1.1",
    "Error storing ip resource",
    "Warning: Max references exceeded for resource address (type ip)",
    "Error: Reference to nonexistent resource none (type script)",
    "Error: Reference to inlined resource y (type script) is illegal",
  ]);
  t.equal(await order("start", wrong), "s 1.1.1.1 y");
});

test("resource case 8: an unusable definition does not take its neighbours along", async (t) => {
  const defined = `<resources>${script("a")}\n<script file="/b"/>\n${script("c")}</resources>`;
  const files = { a: defined + service(`<script ref="a"/><script ref="c"/>`) };
  const outcome = await command("noop a start service s", files);
  t.match(outcome.err, /\na: line 4: <script> has no name and is not used\n/);
  t.same(calls(outcome), ["start service:s", "start script:a", "start script:c"]);
});

test("resource case 9: a reference overrides nothing", async (t) => {
  const use = service(`<ip ref="1.1.1.1" monitor_link="0"/>`);
  const inside = `<resources>${ip("1.1.1.1")}</resources>${use}`;
  t.match((await command("test a", { a: inside })).out, /\n {4}monitor_link = "1";\n/);
});

test("resource cases 10, 11: values come from the nearest giver", async (t) => {
  const inside =
    `<resources>${script("x")}</resources>${service(`<script ref="x"/>`)}` +
    `<service name="t">${fs("f", `<script ref="x"/><nfsexport name="e"/>`)}</service>` +
    '<nfsexport name="alone"/>';
  const { out } = await command("test a", { a: inside });
  t.match(out, /service_name = "s";/);
  t.match(out, /\n {6}service_name = "t";/, "through the file system");
  t.match(out, /\n {6}path = "\/mnt\/f";\n {6}fsid = "\(null\)";/);
  t.match(out, /nfsexport \(S0\) \{\n {2}name = "alone";\n {2}device = "\(null\)";/);
});

test("defaults and actions that the configuration changes are said", async (t) => {
  const action = (attributes: string) => `<action name="status" ${attributes}/>`;
  const inside =
    `<resource-defaults><ip monitor_link="0" sleeptime="3"/></resource-defaults>` +
    service(
      `<script name="x" file="/x">${action(`depth="*" interval="10"`)}</script>` +
        `<ip address="1.1.1.1">${action(`depth="10" interval="7" timeout="9"`)}</ip>` +
        `<ip address="1.1.1.2" monitor_link="1"/>`,
    );
  const { out } = await command("test a", { a: inside });
  t.same(out.slice(0, out.indexOf("===")).trimEnd().split("\n"), [
    "changing default for ip attr monitor_link from 1 to 0",
    "setting default for ip attr sleeptime to 3",
    "Replacing action 'status' depth 10: timeout: 20->9 interval: 60->7",
    "Replacing action 'status' depth 0: interval: 30->10",
  ]);
  t.match(out, /address = "1.1.1.1";\n {4}monitor_link = "0";[^}]*sleeptime = "3";/);
  t.match(out, /address = "1.1.1.2";\n {4}monitor_link = "1";/);
});

test("flags of a node are shown, a second use of a resource is critical again", async (t) => {
  const part = `<script ref="x" __independent_subtree="2"/>`;
  const inside =
    `<resources>${script("x")}</resources>` +
    service(`${part}<ip address="1.1.1.1" __enforce_timeouts="1" __independent_subtree="yes"/>`) +
    `<service name="t" __independent_subtree="1">${part}</service>`;
  const { out } = await command("test a", { a: inside });
  t.match(out, /^Non-critical flag for script:x is being cleared due to multiple references.\n/);
  t.match(out, /\n {2}ip \[ INDEPENDENT ENFORCE-TIMEOUTS \] \(S0\) \{/);
  t.match(out, /\n {2}script \[ INDEPENDENT NON-CRITICAL \] \(S0\) \{\n[^}]*service_name = "s"/);
  t.match(out, /\nservice \(S0\) \{\n {2}name = "t";/, "not on a service");
  t.match(
    out,
    /\n {2}script \[ INDEPENDENT \] \(S0\) \{\n[^}]*service_name = "t"/,
    "nor on a second use",
  );
});

test("failover domains are shown with their flags and priorities", async (t) => {
  const node = (name: string, rest: string) => `<failoverdomainnode name="${name}" ${rest}/>`;
  const inside =
    `<failoverdomains><failoverdomain name="d" ordered="1" nofailback="1">` +
    `${node("n1", `priority="2"`)}${node("n2", "")}</failoverdomain>` +
    `<failoverdomain name="e">${node("n1", `priority="5"`)}</failoverdomain></failoverdomains>`;
  const { out } = await command("test a", { a: inside });
  t.match(
    out,
    "=== Failover Domains ===\nFailover domain: d\nFlags: Ordered No Failback\n" +
      "  Node n1 (id 0, priority 2)\n  Node n2 (id 0, priority 0)\n" +
      "Failover domain: e\nFlags: none\n  Node n1 (id 0, priority 0)\n=== Event Triggers",
  );
});

/** The operations of a change, both phases. */
async function change(a: string, b: string): Promise<readonly string[]> {
  const { out } = await command("delta a b", { a, b });
  return out.slice(out.indexOf("=== Operations")).trimEnd().split("\n");
}

const down = "=== Operations (down-phase) ===";
const up = "=== Operations (up-phase) ===";

test("resource cases 24, 25: a changed child restarts, a value is set", async (t) => {
  const before = service(script("x"), `domain="d"`);
  const file = service(`<script name="x" file="/other"/>`, `domain="d"`);
  t.same(await change(before, file), [
    down,
    "Node script:x - CONDSTOP",
    "[stop] script:x",
    up,
    "Node script:x - CONDSTART",
    "[start] script:x",
  ]);
  t.same(await change(before, service(script("x"), `domain="e"`)), [
    down,
    up,
    "Node service:s - CONDSTART",
    "[reconfig] service:s",
  ]);
  t.same(await change(service(script("x")), before), [
    down,
    "[kill] Node service:s - CONDSTOP",
    "[stop] script:x",
    "[stop] service:s",
    up,
    "[init] [stop] script:x",
    "[stop] service:s",
  ]);
  const written = service(script("x"), `domain="d" autostart="1" recovery="restart"`);
  t.same(await change(before, written), [down, up], "a default that is written changes nothing");
  const [x, y] = [script("x"), script("y")];
  t.same(await change(service(x + y), service(y + x)), [down, up], "nor does the order");
});

test("resource case 26: added children are started, a moved one changes its tree", async (t) => {
  const more = `${script("x")}<apache name="w1"/><apache name="w2"/>${ip("1.1.1.1")}${fs("f")}`;
  const added = await change(service(script("x")), service(more));
  t.same(
    added.filter((line) => line.startsWith("[")),
    ["[start] apache:w2", "[start] apache:w1", "[start] fs:f", "[start] ip:1.1.1.1"],
  );
  const other = (inside: string) => `<service name="t">${inside}</service>`;
  const moved = await change(service(script("x")) + other(""), service("") + other(script("x")));
  t.same(moved, [
    down,
    "Node script:x - CONDSTOP",
    "[stop] script:x",
    up,
    "Node script:x - CONDSTART",
    "[start] script:x",
  ]);
});

test("what is only defined is marked in the list, not in a tree", async (t) => {
  const files = { a: service(""), b: `<resources>${script("x")}</resources>${service("")}` };
  const { out } = await command("delta a b", files);
  t.match(out, /=== New Resource List ===\nResource type: script \[NEEDSTART\]\n/);
  t.same(await change(files.a, files.b), [down, up]);
});

test("a removed service is stopped whole, a new one stopped everywhere first", async (t) => {
  const old = service(script("x"));
  const fresh = `<service name="n">${script("y")}</service>`;
  t.same(await change(old, fresh), [
    down,
    "[kill] Node service:s - CONDSTOP",
    "[stop] script:x",
    "[stop] service:s",
    up,
    "[init] [stop] script:y",
    "[stop] service:n",
  ]);
});

test("the rules are printed with attributes, actions and children", async (t) => {
  const { out, err, exit } = await command("rules", {});
  t.equal(exit, 0);
  t.equal(err, "Running in rules mode.\nLoaded 22 resource rules\n");
  sameAsGolden(t, "rg-test/rules.txt", out);
});

test("migrate names its target; what does not exist is said", async (t) => {
  const files = { a: service(script("x")) };
  t.equal(
    (await command("noop a migrate script x node2", files)).out,
    "Migrating x to node2...\n[migrate] script:x\nMigration of x complete\n",
  );
  t.match(await command("noop a start script y", files), {
    out: "No resource y of type script found\n",
    exit: 0,
  });
});

test("a wrong command line and a file without use end with 1", async (t) => {
  for (const words of [
    "",
    "-h",
    "test",
    "noop a start service",
    "delta a",
    "rules x",
    "test a b",
  ]) {
    t.match(await command(words, { a: "" }), { out: /^usage: rg_test-ts/, exit: 1 }, words);
  }
  t.match(await command("test none", {}), {
    out: "Error parsing none\n",
    err: /rg_test-ts: none: absent\n$/,
    exit: 1,
  });
  t.match(await command("delta a none", { a: "" }), { out: "Error parsing none\n", exit: 1 });
  t.match(await command("test a", { a: "<ip" }), { err: /rg_test-ts: a: line \d/, exit: 1 });
});

test("a directory of agents replaces the rules", async (t) => {
  const directory = t.testdir({
    "lamp.sh": `#!/bin/sh
echo '<resource-agent name="lamp"><parameters><parameter name="watt"/>'
echo '<parameter name="name" primary="1"/></parameters>'
echo '<actions><action name="start" timeout="5"/></actions>'
echo '<special tag="rgmanager"><attributes maxinstances="1"/>'
echo '<child type="ip" start="2" stop="1"/></special></resource-agent>'
`,
    "broken.sh": "#!/bin/sh\necho no\n",
    "notes.txt": "no agent",
  });
  for (const name of ["lamp.sh", "broken.sh"]) chmodSync(join(directory, name), 0o755);
  const { exit, out, err } = await run("rg_test-ts", [directory, "rules"]);
  t.equal(exit, 0);
  t.equal(
    out,
    'Resource Rules for "lamp"\nMax instances: 1\nAgent: lamp.sh\n' +
      "Flags: init_on_add destroy_on_delete \nAttributes:\n  name [ primary ]\n  watt\n" +
      "Actions:\n  start\n    Timeout (hint): 5 seconds\n" +
      "Explicitly defined child resource types:\n  ip [ startlevel = 2 stoplevel = 1 ] \n\n",
  );
  t.match(err, `Using ${directory} as resource agent path\n${directory}/broken.sh: its metadata`);
  t.match(err, "Loaded 1 resource rules");
});
