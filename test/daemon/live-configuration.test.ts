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
import { noAgents } from "../../src/config/found-agents.ts";
import { LiveConfiguration } from "../../src/daemon/live-configuration.ts";
import type { LogSink } from "../../src/io/ports.ts";
import { until } from "../io/waiting.ts";
import { sampleConf } from "../sim/sample-conf.ts";

const silent: LogSink = { write: () => undefined, reopen: () => undefined, flush: () => undefined };

function live(file = "/nonexistent/cluster.conf", text = ""): LiveConfiguration {
  const conf = sampleConf();
  const [local] = conf.nodes;
  if (local === undefined) throw new Error("no node");
  const origin = { conf, local, file, hash: "", text, addresses: [], accounts: [] };
  return new LiveConfiguration({
    loaded: { ...origin, agents: noAgents },
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
