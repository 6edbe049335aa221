/**
 * Real daemons and a link that swallows long packets: whoever is behind it is told and kept out,
 * and the others go on with what they have to say.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GroupClient } from "../control/group-client.ts";
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { RealCluster } = await import("./real-cluster.ts");
const directory = mkdtempSync(join(tmpdir(), "narrow-path-"));
const conf = join(directory, "cluster.conf");
const nodes = [1, 2, 3];
writeFileSync(
  conf,
  `<?xml version="1.0"?>
<cluster name="narrow" config_version="1">
  <cman/>
  <clusternodes>
${nodes.map((node) => `<clusternode name="node${node}.example.com" nodeid="${node}"/>`).join("")}
  </clusternodes>
  <rm/>
</cluster>
`,
);
const cluster = new RealCluster({ nodes: 3, conf });
const unsupported = entry.type === "unsupported" ? entry.reason : false;
if (unsupported === false) await cluster.start();
const skip = unsupported || ((await cluster.net.oneWayProblem()) ?? false);
suite.teardown(async () => {
  await cluster.stop();
  rmSync(directory, { recursive: true, force: true });
});

const swallowed = /frames of 1500 bytes do not arrive from node [12]: MTU/;
const arriving = /frames of 1500 bytes arrive from node [12] now/;
const messages = 400;
const messageBytes = 20_000;
const changesMax = 3;

async function ringOf(...members: readonly number[]): Promise<void> {
  await cluster.until(
    `a ring of ${members.join(" ")}`,
    async () => {
      const states = await Promise.all(members.map((node) => cluster.status(node)));
      return states.every((one) =>
        one?.nodes.every(({ id, online }) => online === members.includes(id)),
      );
    },
    60_000,
  );
}

function configurations(node: number): number {
  return cluster.daemon(node).output().split("a new membership").length - 1;
}

/** Everything is said on node 1, one message after the other; the longest pause between two. */
async function speak(client: GroupClient): Promise<number> {
  let longestMs = 0;
  let lastMs = performance.now();
  for (let sent = 0; sent < messages; ) {
    const reply = await client.multicast(Buffer.alloc(messageBytes, sent));
    if (reply.status !== 200) continue;
    sent += 1;
    longestMs = Math.max(longestMs, performance.now() - lastMs);
    lastMs = performance.now();
  }
  return longestMs;
}

test("one link that swallows long packets stops the others once, and never again", {
  skip,
}, async (t) => {
  cluster.startAll();
  await ringOf(1, 2, 3);
  const socketPath = `${cluster.net.rootOf(1)}/run/clusterd/clusterd.sock`;
  const client = new GroupClient({ socketPath, group: "load" });
  await cluster.until("the client has joined", () => client.types.includes("configuration"));
  await cluster.net.narrow(3, 1400);
  const before = configurations(1);
  const began = performance.now();
  // The first long message finds it out.
  await speak(client);
  await ringOf(1, 2);
  // Until node 3 has tried to come back for twelve seconds.
  const detects = async () => (await cluster.status(3))?.ring.counters["sent merge-detect"] ?? 0;
  const tried = await detects();
  const pauses: number[] = [];
  await cluster.until(
    "node 3 has tried",
    async () => {
      pauses.push(await speak(client));
      return (await detects()) - tried >= 60;
    },
    90_000,
  );
  const changes = configurations(1) - before;
  const seconds = Math.round((performance.now() - began) / 1000);
  t.comment(`${changes} configurations in ${seconds} s, the others paused for at most`);
  t.comment(`${Math.round(Math.max(...pauses))} ms between ${pauses.length * messages} messages`);
  t.ok(changes <= changesMax, `${changes} configurations`);
  await ringOf(1, 2);
  await cluster.until("it is told", () => swallowed.test(cluster.daemon(3).output()), 30_000);
  client.close();
  await cluster.net.heal(3);
  await ringOf(1, 2, 3);
  await cluster.until("its end is told", () => arriving.test(cluster.daemon(3).output()));
});

test("a node behind such a link is not let in when it starts", { skip }, async (t) => {
  cluster.daemon(3).kill("SIGTERM");
  await cluster.daemon(3).exited;
  await ringOf(1, 2);
  await cluster.net.narrow(3, 1400);
  const before = cluster.daemon(1).output().length;
  cluster.startDaemon(3);
  await cluster.until("it is told", () => swallowed.test(cluster.daemon(3).output()), 30_000);
  const since = cluster.daemon(1).output().slice(before);
  t.notMatch(since, /a new membership .*joined:[ \d]* 3\b/, "the others did not notice");
  await cluster.net.heal(3);
  await ringOf(1, 2, 3);
});
