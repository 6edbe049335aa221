/**
 * Daemons and guards that may open no further file: nobody calls a service off whose process lives,
 * and what must end it ends it all the same.
 */
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { execFileSync } = await import("node:child_process");
const { mkdtempSync, rmSync, writeFileSync } = await import("node:fs");
const { tmpdir } = await import("node:os");
const { join } = await import("node:path");
const scripts = await import("./process-scripts.ts");
const { RealCluster } = await import("./real-cluster.ts");
const skip = entry.type === "unsupported" ? entry.reason : false;

const directory = mkdtempSync(join(tmpdir(), "clusterd-exhausted-"));
const conf = join(directory, "cluster.conf");
const nodes = [1, 2, 3]
  .map((node) => `<clusternode name="node${node}.example.com" nodeid="${node}"/>`)
  .join("");
writeFileSync(
  conf,
  `<cluster name="exhausted" config_version="1"><cman transport="udpu"/>
  <totem token="1000"/><clusternodes>${nodes}</clusternodes>
  <rm status_poll_interval="1"><service name="web" recovery="relocate">
  <script name="web" file="/etc/init.d/web"/></service></rm></cluster>\n`,
);

const cluster = new RealCluster({ conf });
const web = "service:web";
if (skip === false) {
  await cluster.start();
  scripts.writeDaemonScript(cluster, { name: "web" });
  cluster.startAll();
}
suite.teardown(async () => {
  await cluster.stop();
  rmSync(directory, { recursive: true });
});

function limit([program = "", ...words]: readonly string[]): void {
  execFileSync(program, words);
}

test("the daemon: no stop, relocation, disable or enable starts it twice", { skip }, async (t) => {
  const owner = await cluster.started(1, web, 60_000);
  const witness = owner === 1 ? 2 : 1;
  const daemon = cluster.daemon(owner).pid;
  const watch = new scripts.TwiceWatch(cluster, "web");
  t.teardown(() => watch.stop());
  const asked = (what: string) =>
    cluster.until(what, () => cluster.daemon(witness).output().includes(`${web}: ${what}`));
  limit(await scripts.useUpDescriptors(daemon));
  const relocated = cluster.command(witness, "clusvcadm-ts", "-r", "web");
  await asked("relocate asked for");
  const disabled = cluster.command(witness, "clusvcadm-ts", "-d", "web");
  await asked("disable asked for");
  const target = `node${witness}.example.com`;
  const enabled = await cluster.command(witness, "clusvcadm-ts", "-e", "web", "-m", target);
  t.not(enabled.code, 0, "what is being stopped is not started");
  await cluster.until("the stop could not be tried", () =>
    /stop of .* could not be tried \(.*EMFILE\)/.test(cluster.daemon(owner).output()),
  );
  t.equal((await cluster.service(witness, web))?.state, "stopping", "no room is no verdict");
  t.same(scripts.runningOn(cluster, "web"), [owner]);
  limit(scripts.giveBackDescriptors(daemon));
  t.equal((await disabled).code, 0, "the disable is carried out as soon as there is room");
  t.not((await relocated).code, 0, "which comes instead of the relocation");
  t.equal((await cluster.service(witness, web))?.state, "disabled");
  t.same(scripts.runningOn(cluster, "web"), []);
  const again = await cluster.command(witness, "clusvcadm-ts", "-e", "web", "-m", target);
  t.equal(again.code, 0, again.stdout);
  await cluster.until("one owner in the end", () => {
    return scripts.runningOn(cluster, "web").join() === `${witness}`;
  });
  t.same(watch.seen, []);
  t.comment(`${watch.samples} samples, owner ${owner}, then ${scripts.runningOn(cluster, "web")}`);
});

test("the guard: it ends the services of a daemon that was killed", { skip }, async (t) => {
  const owner = await cluster.started(1, web, 60_000);
  const witness = owner === 1 ? 2 : 1;
  const watch = new scripts.TwiceWatch(cluster, "web");
  t.teardown(() => watch.stop());
  const guard = cluster.guard(owner);
  limit(await scripts.useUpDescriptors(guard));
  const killedMs = performance.now();
  cluster.daemon(owner).kill("SIGKILL");
  await cluster.until("the guard ends", () => cluster.guard(owner) !== guard);
  t.same(scripts.daemonsOn(owner, "web"), [], "clean was said, and it is");
  t.match(cluster.daemon(owner).output(), /guard: clean after/);
  t.comment(`the guard was done after ${Math.round(performance.now() - killedMs)} ms`);
  await cluster.until(
    "takeover",
    async () => {
      const service = await cluster.service(witness, web);
      return service?.state === "started" && service.owner !== owner;
    },
    60_000,
  );
  t.same(watch.seen, []);
});
