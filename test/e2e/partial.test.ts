/**
 * A service with a part that it can do without, on real daemons: the part dies, the service goes on
 * without it, and an operator brings it back.
 */
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { enterNamespaces } from "../netns/enter.ts";
import { calmed } from "./calm-conf.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { publishedConf, RealCluster } = await import("./real-cluster.ts");
const skip = entry.type === "unsupported" ? entry.reason : false;

const onNode = "/etc/cluster/cluster.conf";
const cluster = new RealCluster({ conf: onNode });

/** An init script around a process that does nothing. */
function initScript(name: string): string {
  const file = `/run/${name}.pid`;
  return `#!/bin/sh
alive() { [ -s ${file} ] && kill -0 "$(cat ${file})" 2>/dev/null; }
case $1 in
start) alive && exit 0; sleep 100000 >/dev/null 2>&1 & echo $! >${file} ;;
stop) alive && kill "$(cat ${file})"; rm -f ${file}; exit 0 ;;
status) alive || exit 3 ;;
esac
`;
}

const service = `<service name="web">
  <script name="main" file="/etc/init.d/main"/>
  <script name="extra" file="/etc/init.d/extra" __independent_subtree="2"/>
</service></rm>`;

if (skip === false) {
  await cluster.start();
  for (const node of [1, 2, 3]) {
    const root = cluster.net.rootOf(node);
    const text = calmed(readFileSync(publishedConf, "utf8")).replace(/<\/rm>/, service);
    writeFileSync(join(root, onNode), text);
    for (const name of ["main", "extra"]) {
      const path = join(root, "etc/init.d", name);
      writeFileSync(path, initScript(name));
      chmodSync(path, 0o755);
    }
  }
}
suite.teardown(() => cluster.stop());

async function processOf(node: number, name: string): Promise<string> {
  const shown = await cluster.net.execOnNode(node, ["cat", `/run/${name}.pid`]);
  return shown.stdout.trim();
}

test("a non-critical part dies: [P], and clusvcadm-ts -c brings it back", { skip }, async (t) => {
  cluster.startAll();
  await cluster.allStarted([1, 2, 3]);
  const owner = await cluster.started(1, "service:web");
  const main = await processOf(owner, "main");
  await cluster.net.execOnNode(owner, ["kill", "-9", await processOf(owner, "extra")]);
  await cluster.until("it is partial", async () => {
    return (await cluster.service(1, "service:web"))?.partial === true;
  });
  const shown = await cluster.command(2, "clustat-ts", "-s", "web");
  t.match(shown, { code: 0, stdout: /service:web .* started {4}\[P\]\n$/ });
  const long = await cluster.command(2, "clustat-ts", "-l", "-s", "web");
  t.match(long.stdout, /\n {2}Flags {11}: partial \(2\)\n/);
  t.equal(await processOf(owner, "main"), main, "the rest was not touched");
  const back = await cluster.command(2, "clusvcadm-ts", "-c", "web");
  t.match(back, { code: 0, stdout: "Local machine convalescing service:web...Success\n" });
  const service = await cluster.service(2, "service:web");
  t.match(service, { state: "started", partial: false, owner });
  t.equal(await processOf(owner, "main"), main);
  t.not(await processOf(owner, "extra"), "");
  const again = await cluster.command(1, "clusvcadm-ts", "-c", "web");
  t.match(again, { code: 0, stdout: /Service is already running/ });
});
