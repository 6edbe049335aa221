/** Texts that this machine was asked about, and the configuration each of them reads as. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Test, test } from "tap";
import { Parser } from "xml2js";
import { noAgents } from "../../src/config/agents/discovered-agents.ts";
import { formatComplaint } from "../../src/config/text/complaint.ts";
import { LiveConf } from "../../src/daemon/live-conf.ts";
import { loadConf, parseContent, readWith } from "../../src/daemon/loaded-conf.ts";
import type { LogSink } from "../../src/io/ports.ts";
import { until } from "../io/waiting.ts";
import { sampleConf } from "../sim/sample-conf.ts";

const silent: LogSink = { write: () => undefined, reopen: () => undefined, flush: () => undefined };

function live(file = "/nonexistent/cluster.conf", text = ""): LiveConf {
  const conf = sampleConf();
  const [local] = conf.nodes;
  if (local === undefined) throw new Error("no node");
  const reading = readWith(parseContent(text), { agents: noAgents, units: new Map() }, file);
  return new LiveConf({
    loaded: { conf, local, file, reading, addresses: [], accounts: [] },
    stateDirectory: "/nonexistent",
    log: silent,
  });
}

/** A text whose agents are in a directory of its own, where the lamp needs this parameter. */
function text(t: Test, version: number, needs: string): string {
  const directory = mkdtempSync(join(tmpdir(), "clusterd-live-"));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  mkdirSync(directory, { recursive: true });
  const metadata =
    '<resource-agent name="lamp"><parameters><parameter name="id" primary="1"/>' +
    `<parameter name="${needs}" required="1"/></parameters>` +
    '<actions><action name="start"/></actions></resource-agent>';
  const path = join(directory, "lamp.sh");
  writeFileSync(path, `#!/bin/sh\necho '${metadata}'\n`);
  chmodSync(path, 0o755);
  return (
    `<cluster name="qpid-test" config_version="${version}"><clusternodes>` +
    '<clusternode name="node1.example.com" nodeid="1"/></clusternodes>' +
    `<rm agent_path="${directory}"><service name="s"><lamp id="a" ${needs}="1"/></service></rm>` +
    "</cluster>"
  );
}

test("each text reads with the agents that were found for it, whatever came later", async (t) => {
  const configuration = live();
  const [first, second] = [text(t, 19, "colour"), text(t, 20, "watt")];
  await Promise.all([configuration.prepare(first), configuration.prepare(second)]);
  for (const one of [first, second, first]) {
    const read = configuration.read(one);
    t.equal(read.ok, true, read.ok ? "" : read.problem);
    const [lamp] = (read.ok && read.value.conf.services.services[0]?.tree.children) || [];
    const runs = lamp?.agent?.runs;
    const file = runs?.dialect === "rgmanager" ? runs.file : "";
    t.ok(file !== "" && one.includes(file.replace("/lamp.sh", "")), file);
  }
});

test("LIVE1: of configurations that follow each other closely the last one is kept", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "clusterd-live-"));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, "cluster.conf");
  writeFileSync(file, "first");
  const configuration = live(file, "first");
  for (const one of ["second", "third", "fourth"]) {
    configuration.adopt({ conf: sampleConf(), hash: one, text: one });
  }
  await until("it is written", () => readFileSync(file, "utf8") === "fourth");
  t.notOk(existsSync(`${file}.replaced`), "nobody else wrote there");
});

/** A cluster of this machine alone, whose lamp runs `then` when it is asked for its metadata. */
function small(version: number, directory: string, then = ""): string {
  const metadata =
    '<resource-agent name="lamp"><parameters><parameter name="id" primary="1"/></parameters>' +
    '<actions><action name="start"/></actions></resource-agent>';
  const path = join(directory, "lamp.sh");
  writeFileSync(path, `#!/bin/sh\n${then}\necho '${metadata}'\n`);
  chmodSync(path, 0o755);
  return (
    `<cluster name="small" config_version="${version}"><totem secauth="off"/>` +
    '<clusternodes><clusternode name="127.0.0.1" nodeid="1"/></clusternodes>' +
    `<rm agent_path="${directory}"><service name="s${version}"><lamp id="a"/></service></rm>` +
    "</cluster>"
  );
}

async function loadedFrom(file: string, directory: string): Promise<LiveConf> {
  const { complaints, loaded } = await loadConf(file, "127.0.0.1", directory);
  if (loaded === null) throw new Error(complaints.map(formatComplaint).join("\n"));
  return new LiveConf({ loaded, stateDirectory: directory, log: silent });
}

function scratch(t: Test): { readonly directory: string; readonly file: string } {
  const directory = mkdtempSync(join(tmpdir(), "clusterd-live-"));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return { directory, file: join(directory, "cluster.conf") };
}

/** How often a configuration was parsed since this was asked last; metadata does not count. */
function parsesOf(t: Test): () => number {
  const calls = t.capture(Parser.prototype, "parseString", Parser.prototype.parseString);
  return () => calls().filter(({ args }) => String(args[0]).startsWith("<cluster")).length;
}

test("READING1: a start, a reload and a vote parse a text once each", async (t) => {
  const { directory, file } = scratch(t);
  const parses = parsesOf(t);
  writeFileSync(file, small(1, directory));
  const configuration = await loadedFrom(file, directory);
  t.equal(parses(), 1, "the start");
  t.match(await configuration.reload(fail), { accepted: true, text: /in force already/ });
  t.equal(parses(), 0, "a file that has not changed");
  const second = small(2, directory);
  writeFileSync(file, second);
  const reloaded = await configuration.reload(async (next) => {
    t.equal(await configuration.prepare(next.text), null, "it comes back as an ordered message");
    t.ok(configuration.read(next.text).ok, "for the vote");
    t.ok(configuration.read(next.text).ok, "for the table");
    configuration.adopt(next);
    return { outcome: { type: "done", owner: null }, text: "" };
  });
  t.same(reloaded, { accepted: true, text: "service:s1 is removed\nservice:s2 is new" });
  t.equal(parses(), 1, "the reload");
  const third = small(3, directory);
  t.equal(await configuration.prepare(third), null, "proposed by another node");
  t.ok(configuration.read(third).ok);
  t.equal(parses(), 1, "the vote");
});

test("READING1: what was checked is proposed, whatever becomes of the file", async (t) => {
  const { directory, file } = scratch(t);
  writeFileSync(file, small(1, directory));
  const configuration = await loadedFrom(file, directory);
  const second = small(2, directory, `echo '<cluster' > ${file}`);
  writeFileSync(file, second);
  const proposed: string[] = [];
  const reloaded = await configuration.reload(async (next) => {
    proposed.push(next.text);
    return { outcome: { type: "done", owner: null }, text: "" };
  });
  t.same(reloaded, { accepted: true, text: "service:s1 is removed\nservice:s2 is new" });
  t.same(proposed, [second]);
  t.equal(readFileSync(file, "utf8"), "<cluster\n", "it did change");
});

async function fail(): Promise<never> {
  throw new Error("nothing was to be proposed");
}

test("what is refused is checked against the machine, too", async (t) => {
  const text = `<cluster name="c" config_version="1"><clusternodes>
    <clusternode name="127.0.0.1" nodeid="1"/>
    <clusternode name="no such name" nodeid="2"/></clusternodes>
    <fencedevices><fencedevice name="d" agent="fence_gone"/></fencedevices>
    <quorumd label="q"/><rm/></cluster>`;
  const directory = t.testdir({ "cluster.conf": text });
  const { complaints, loaded } = await loadConf(`${directory}/cluster.conf`, null, directory);
  t.equal(loaded, null);
  const lines = complaints.map(({ line, problem }) => `${line} ${problem}`);
  t.match(
    lines.find((one) => one.includes("quorum disk")),
    /^5 /,
  );
  t.equal(lines.filter((one) => one.startsWith("3 ")).length, 1, lines.join("\n"));
});

test("a corosync.conf is said to be one", async (t) => {
  const directory = t.testdir({ "cluster.conf": "totem {\n  version: 2\n}\n" });
  const { complaints, loaded } = await loadConf(`${directory}/cluster.conf`, null, directory);
  t.equal(loaded, null);
  t.match(complaints, [{ type: "unreadable", severity: "error", problem: /corosync\.conf/ }]);
});
