/**
 * Somebody on the network of real daemons, without their key, sends one of them all it can: no
 * service moves, and at a usual rate the ring stays as it is. With a key file, and with the name of
 * the cluster as key.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clusterTag } from "../../src/io/frames/frame-header.ts";
import type { Flood } from "../bench/flood-sender.ts";
import { enterNamespaces } from "../netns/enter.ts";
import { calmed } from "./calm-conf.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { project, publishedConf, RealCluster } = await import("./real-cluster.ts");
const skip = entry.type === "unsupported" ? entry.reason : false;
const directory = mkdtempSync(join(tmpdir(), "flood-"));
suite.teardown(() => rmSync(directory, { recursive: true, force: true }));

const target = 1;
const floodMs = 3000;
const triesMax = 4;
const usualRate = 6000;
/**
 * More would starve this machine, which other tests use as well: `npm run bench -- flood` does.
 * While those keep both cores busy the kernel throws away tokens among so many frames, and no
 * daemon can tell that from a lost token; so the ring may change at this rate, and no service move.
 */
const highRate = 10_000;
const tag = clusterTag("qpid-test", 55_582);
const client = "20.0.20.100";

type Kind = Pick<Flood, "sender" | "source" | "frames" | "rate">;
const kinds: readonly Kind[] = [
  { sender: target, source: client, frames: 1, rate: usualRate },
  { sender: target, source: client, frames: 31, rate: highRate },
  { sender: 3, source: "20.0.20.3", frames: 1, rate: usualRate },
  { sender: 3, source: "20.0.20.3", frames: 31, rate: highRate },
];

/** The published configuration, with a key file or without. */
function confWith(keyed: boolean): string {
  const text = calmed(readFileSync(publishedConf, "utf8"));
  const file = join(directory, "key");
  writeFileSync(file, randomBytes(32), { mode: 0o600 });
  const conf = join(directory, `${keyed}.conf`);
  const cman = keyed ? `<cman keyfile="${file}"/>` : "";
  writeFileSync(conf, text.replace("<clusternodes>", `${cman}<clusternodes>`));
  return conf;
}

for (const keyed of [true, false]) {
  const key = keyed ? "a key file" : "no key file";
  test(`${key}: a flood moves no service, and a usual one changes no ring`, { skip }, async (t) => {
    const cluster = new RealCluster({ conf: confWith(keyed) });
    t.teardown(() => cluster.stop());
    await cluster.start();
    // The stranger may send from a member's address, and does not answer for it.
    const forge = "sysctl -qw net.ipv4.conf.all.arp_ignore=1; ip addr add 20.0.20.3/32 dev lo";
    await cluster.net.execClient(["sh", "-c", forge]);
    cluster.startAll();
    await cluster.allStarted([1, 2, 3], 60_000);
    const state = async () => {
      const status = await cluster.status(target);
      const owners = status?.services?.map(({ name, owner, restarts }) => [name, owner, restarts]);
      return { owners, generation: status?.generation };
    };
    // Beside other tests a daemon may not be scheduled for longer than its token lasts.
    const stalls = () => {
      const outputs = [1, 2, 3].map((node) => cluster.daemon(node).output());
      return outputs.join("").split("not scheduled for").length;
    };
    /** Returns whether the ring is the same after the flood, or the machine was too busy. */
    const withstands = async (kind: Kind): Promise<boolean> => {
      const before = await state();
      const stallsBefore = stalls();
      const flood: Flood = { target: `20.0.20.${target}`, port: 5405, tag, ms: floodMs, ...kind };
      const sender = join(project, "build/test/bench/flood-sender.js");
      const sent = await cluster.net.execClient([process.execPath, sender, JSON.stringify(flood)]);
      t.equal(sent.code, 0, sent.stderr);
      const rate = Math.round(Number(sent.stdout) / (floodMs / 1000));
      t.comment(`${rate} datagrams/s of ${kind.frames} frames in the name of node ${kind.sender}`);
      const after = await state();
      t.same(after.owners, before.owners, `${rate} datagrams/s: no service has moved`);
      const same = after.generation === before.generation;
      t.comment(`the ring has changed: ${!same}`);
      return same || kind.rate === highRate || stalls() > stallsBefore;
    };
    for (const kind of kinds) {
      // A ring that floods change is changed each time; one that other tests disturb is not.
      let [withstood, tries] = [false, 0];
      for (; !withstood && tries < triesMax; tries += 1) withstood = await withstands(kind);
      t.ok(withstood, `the ring is the same after a flood, try ${tries} of ${triesMax}`);
    }
    const counters = (await cluster.status(target))?.ring.counters ?? {};
    t.ok((counters["dropped_too-many-strangers"] ?? 0) > 0);
    t.notMatch(cluster.logs(), /is lost and must be fenced/);
    // And who starts meanwhile gets in.
    cluster.daemon(3).kill("SIGKILL");
    const flood: Flood = {
      ...{ target: `20.0.20.${target}`, port: 5405, tag, ms: 90_000 },
      ...{ sender: 3, source: "20.0.20.3", frames: 1, rate: usualRate },
    };
    const stranger = cluster.net.spawnClient([
      process.execPath,
      join(project, "build/test/bench/flood-sender.js"),
      JSON.stringify(flood),
    ]);
    await cluster.daemon(3).exited;
    const online = async () => (await cluster.status(1))?.nodes.find(({ id }) => id === 3)?.online;
    await cluster.until("node 3 is gone", async () => (await online()) === false);
    const began = performance.now();
    cluster.startDaemon(3);
    await cluster.until("node 3 is back", async () => (await online()) === true, 80_000);
    t.comment(`under ${usualRate} datagrams/s in its name it was back after`);
    t.comment(`${Math.round(performance.now() - began)} ms`);
    stranger.kill("SIGKILL");
    await stranger.exited;
  });
}
