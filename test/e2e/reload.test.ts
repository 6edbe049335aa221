/**
 * Another configuration on three real daemons: by command, by signal, refused, and taken over by a
 * node that was away.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { enterNamespaces } from "../netns/enter.ts";
import { calmed } from "./calm-conf.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { serviceAddress } = await import("../netns/node-files.ts");
const { primary, publishedConf, RealCluster } = await import("./real-cluster.ts");
const skip = entry.type === "unsupported" ? entry.reason : false;

/** Every node has a copy of its own, below its private /etc. */
const onNode = "/etc/cluster/cluster.conf";
const cluster = new RealCluster({ conf: onNode });
const published = calmed(readFileSync(publishedConf, "utf8"));
const second = serviceAddress.replace(/\d+$/, "201");

function fileOf(node: number): string {
  return join(cluster.net.rootOf(node), onNode);
}

function textOf(node: number): string {
  return readFileSync(fileOf(node), "utf8");
}

/** The published configuration with another version and these changes. */
function edited(version: number, ...changes: readonly (readonly [RegExp, string])[]): string {
  const start = published.replace(/config_version="\d+"/, `config_version="${version}"`);
  return changes.reduce((text, [from, to]) => {
    if (!from.test(text)) throw new Error(`nothing to change for ${from}`);
    return text.replace(from, to);
  }, start);
}

const extra = `<service name="extra"><ip address="${second}"/></service></rm>`;
const withExtra: readonly [RegExp, string] = [/<\/rm>/, extra];

if (skip === false) {
  await cluster.start();
  for (const node of [1, 2, 3]) writeFileSync(fileOf(node), published);
}
suite.teardown(() => cluster.stop());

test("a new service comes into force on all nodes, the others go on", { skip }, async (t) => {
  cluster.startAll();
  await cluster.allStarted([1, 2, 3]);
  const before = await cluster.service(1, primary);
  writeFileSync(fileOf(2), edited(100, withExtra));
  writeFileSync(fileOf(1), "half done");
  const reloaded = await cluster.command(2, "cman_tool-ts", "version", "-r");
  t.same({ code: reloaded.code, err: reloaded.stderr }, { code: 0, err: "" });
  const owner = await cluster.started(1, "service:extra");
  t.same(cluster.net.holders(second), [owner]);
  for (const node of [1, 2, 3]) {
    await cluster.until("every node keeps it", () => textOf(node) === textOf(2));
    t.equal((await cluster.status(node))?.cluster.configVersion, 100);
  }
  t.equal(readFileSync(`${fileOf(1)}.replaced`, "utf8"), "half done");
  const after = await cluster.service(1, primary);
  t.same([after?.owner, after?.transition], [before?.owner, before?.transition]);
  t.same(cluster.net.holders(serviceAddress), [before?.owner]);
});

test("SIGHUP is for logs; a reload stops what is removed", { skip }, async (t) => {
  // A service that is busy would have it refused.
  await cluster.allStarted([1, 2, 3]);
  writeFileSync(fileOf(3), edited(101));
  cluster.daemon(3).kill("SIGHUP");
  // A question after it has been answered after it.
  t.equal((await cluster.status(3))?.cluster.configVersion, 100);
  t.not(await cluster.service(1, "service:extra"), null, "a file that may be half edited");
  t.match(await cluster.command(3, "cman_tool-ts", "version", "-r"), { code: 0 });
  await cluster.until("version 101 everywhere", async () => {
    const all = await Promise.all([1, 2, 3].map((node) => cluster.status(node)));
    return all.every((status) => status?.cluster.configVersion === 101);
  });
  await cluster.until("every node keeps it", () =>
    [1, 2].every((one) => textOf(one) === textOf(3)),
  );
  t.equal(await cluster.service(1, "service:extra"), null);
  t.same(cluster.net.holders(second), []);
  t.same(cluster.net.holders(serviceAddress).length, 1);
});

test("what is wrong, old or cannot change is refused, and nothing changes", { skip }, async (t) => {
  // On a machine that stands still for a moment the ring changes, which is a refusal of its own.
  const reload = async (text: string) => {
    for (let tries = 1; ; tries += 1) {
      writeFileSync(fileOf(1), text);
      const reloaded = await cluster.command(1, "cman_tool-ts", "version", "-r");
      if (tries === 5 || !reloaded.stderr.includes("try again")) return reloaded;
    }
  };
  const bad = await reload(
    edited(102, [/<\/rm>/, '<service name="x"><ip ref="no"/></service></rm>']),
  );
  t.equal(bad.code, 1);
  t.match(bad.stderr, /Not reloading, configuration is not valid: .*cluster\.conf:\d+: error/);
  const old = await reload(edited(50, withExtra));
  t.match(old.stderr, /Not reloading, config version older or equal the running config/);
  const other = readFileSync(`${cluster.net.rootOf(1)}/etc/init.d/qpidd-primary`, "utf8");
  writeFileSync(`${cluster.net.rootOf(1)}/etc/init.d/other`, other, { mode: 0o755 });
  const lacking = await reload(edited(102, [/init\.d\/qpidd-primary/, "init.d/other"]));
  t.equal(lacking.code, 1);
  t.match(
    lacking.stderr,
    /node[23]\.example\.com: service:qpidd-primary-service would be stopped, and .*other cannot/,
  );
  const fixed = await reload(
    edited(103, [/<clusternode name="node1/, '<clusternode votes="2" name="node1']),
  );
  t.match(fixed.stderr, /cannot change while clusterd runs/);
  for (const node of [1, 2, 3]) {
    t.equal((await cluster.status(node))?.cluster.configVersion, 101);
  }
});

test("a node that was away takes over what the others have", { skip }, async (t) => {
  writeFileSync(fileOf(1), textOf(2));
  const away = cluster.daemon(3);
  away.kill("SIGTERM");
  t.equal((await away.exited).code, 0);
  writeFileSync(fileOf(1), edited(104, withExtra));
  const reloaded = await cluster.command(1, "cman_tool-ts", "version", "-r");
  t.equal(reloaded.code, 0, reloaded.stderr);
  await cluster.started(1, "service:extra");
  t.not(textOf(3), textOf(1));
  cluster.startDaemon(3);
  await cluster.allStarted([1, 2, 3]);
  await cluster.until("its file is replaced", () => textOf(3) === textOf(1));
  t.equal((await cluster.status(3))?.cluster.configVersion, 104);
});
