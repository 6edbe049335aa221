/**
 * The owner of the primary is back at once, and its clean-up waits for a stop, be it of a service
 * that was never started or of the primary itself: the others must not wait for that, since its
 * guard has verified that nothing is left. Real daemons, and a judge from outside.
 */
import { chmodSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import type { Test } from "tap";
import { enterNamespaces } from "../netns/enter.ts";
import { calmed } from "./calm-conf.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { serviceAddress } = await import("../netns/node-files.ts");
const { OutsideJudge } = await import("./outside-judge.ts");
const { primary, publishedConf, RealCluster } = await import("./real-cluster.ts");
const skip = entry.type === "unsupported" ? entry.reason : false;

const conf = "/tmp/long-clean-up.conf";
const cluster = new RealCluster({ conf });
const judge = new OutsideJudge();
const slowly = (file: string, then: string) =>
  `#!/bin/sh\n[ "$1" != stop ] || [ ! -e ${file} ] || sleep 60\n${then}\n`;
const slow =
  '<service name="slow" autostart="0"><script name="slow" file="/etc/init.d/slow"/></service>';

if (skip === false) {
  const text = calmed(readFileSync(publishedConf, "utf8"));
  const made = text.replace("<rm", '<totem token="1000"/>\n  <rm').replace("</rm>", `${slow}</rm>`);
  writeFileSync(conf, made);
  await cluster.start();
  for (const node of cluster.net.nodes) {
    const script = (name: string) => cluster.net.path(node, `etc/init.d/${name}`);
    writeFileSync(script("slow"), slowly("/run/slow", "exit 0"));
    renameSync(script("qpidd-primary"), script("promote"));
    const promote = slowly("/run/slow-primary", 'exec /etc/init.d/promote "$@"');
    writeFileSync(script("qpidd-primary"), promote);
    for (const name of ["slow", "qpidd-primary"]) chmodSync(script(name), 0o755);
  }
  judge.start(cluster.net, serviceAddress);
  cluster.startAll();
}
suite.teardown(async () => {
  await judge.stop();
  await cluster.stop();
});

async function backAtOnce(t: Test, file: string): Promise<void> {
  const owner = await cluster.started(1, primary, 40_000);
  const witness = owner === 1 ? 2 : 1;
  await cluster.net.execOnNode(owner, ["touch", file]);
  const sinceMs = judge.nowMs;
  const before = cluster.daemon(owner);
  before.kill("SIGKILL");
  await before.exited;
  cluster.startDaemon(owner);
  await cluster.takenOver(witness, owner);
  const shown = (await cluster.status(witness))?.nodes.find(({ id }) => id === owner);
  t.equal(shown?.ready, false, "its clean-up goes on");
  const tookMs = judge.nowMs - sinceMs;
  await cluster.until("the judge has seen it", () => judge.sawUntil(sinceMs + tookMs));
  const text = `started elsewhere ${tookMs.toFixed(0)} ms after the kill`;
  t.comment(`${judge.gapsInWords(sinceMs)}; ${text}`);
  t.same(judge.doubles(sinceMs), [], "never two owners");
}

test("nobody waits for the stop of another service of a node that is back", { skip }, (t) => {
  return backAtOnce(t, "/run/slow");
});

test("nor for that of the service itself, of which nothing is left", { skip }, (t) => {
  return backAtOnce(t, "/run/slow-primary");
});
