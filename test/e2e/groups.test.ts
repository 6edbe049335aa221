/**
 * Process groups on three real daemons: clients that die, floods, partitions and killed daemons.
 */
import { enterNamespaces } from "../netns/enter.ts";
import { calmed } from "./calm-conf.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } = await import("node:fs");
const { tmpdir } = await import("node:os");
const { join } = await import("node:path");
const { GroupClient, post } = await import("../control/group-client.ts");
const { groupLimits } = await import("../../src/groups/group-events.ts");
const { primary, project, publishedConf, RealCluster } = await import("./real-cluster.ts");

type Client = InstanceType<typeof GroupClient>;

const directory = mkdtempSync(join(tmpdir(), "clusterd-groups-"));
const conf = join(directory, "cluster.conf");
const published = calmed(readFileSync(publishedConf, "utf8"));
writeFileSync(conf, published.replace("</cluster>", '<uidgid uid="0" gid="no-such"/></cluster>'));

const skip = entry.type === "unsupported" ? entry.reason : false;
const cluster = new RealCluster({ conf });
if (skip === false) {
  await cluster.start();
  cluster.startAll();
  await cluster.allStarted([1, 2, 3], 30_000);
}
suite.teardown(async () => {
  await cluster.stop();
  rmSync(directory, { recursive: true });
});

const nodes = [1, 2, 3];

function socketOf(node: number, name = "clusterd.sock"): string {
  return `${cluster.net.rootOf(node)}/run/clusterd/${name}`;
}

/** A member of `group` on the node, with a process number that shows the node, or any. */
async function member(
  node: number,
  group: string,
  process: number | null = 100 * node,
): Promise<Client> {
  const body = process === null ? "" : JSON.stringify({ process });
  let client: Client | null = null;
  await cluster.until(`a member on node ${node}`, async () => {
    client ??= new GroupClient({ socketPath: socketOf(node), group }, body);
    if (client.ended && !client.types.includes("configuration")) client = null;
    return client?.types.includes("configuration") === true;
  });
  if (client === null) throw new Error("no client");
  const made: Client = client;
  suite.teardown(() => made.close());
  return made;
}

/** What a client was told: changes and messages, in order. */
function story(client: Client): readonly string[] {
  return client.lines.flatMap((line) => {
    const { type, left, joined } = line;
    if (type === "configuration")
      return [JSON.stringify({ left, joined, members: line["members"] })];
    return type === "message" ? [`${JSON.stringify(line["from"])} ${line["payload"]}`] : [];
  });
}

function hasTold(client: Client, ...words: readonly string[]): boolean {
  return story(client).some((text) => words.every((word) => text.includes(word)));
}

test("members on three nodes see one sequence, one mebibyte included", { skip }, async (t) => {
  const clients = [await member(1, "all"), await member(2, "all"), await member(3, "all")];
  await cluster.until("all joined", () => clients.every((one) => hasTold(one, '"process":300')));
  const before = clients.map((client) => client.lines.length);
  const large = Buffer.alloc(groupLimits.messageBytesMax, "clusterd ");
  const sent = clients.flatMap((client, index) => [
    ...Array.from({ length: 20 }, (_, number) => client.multicast(`${index} ${number}`)),
    client.multicast(large),
  ]);
  for (const { status } of await Promise.all(sent)) t.equal(status, 200);
  const messages = clients.map((client, index) =>
    client.lines.slice(before[index]).filter(({ type }) => type === "message"),
  );
  await cluster.until("all received", () =>
    clients.every((client, index) => client.lines.length >= (before[index] ?? 0) + 63),
  );
  const received = clients.map((client, index) => client.lines.slice(before[index]));
  t.equal(messages.length, 3);
  t.ok(JSON.stringify(received[0]) === JSON.stringify(received[1]), "1 and 2, places included");
  t.ok(JSON.stringify(received[0]) === JSON.stringify(received[2]), "1 and 3");
  const longest = received[0]
    ?.map((line) => String(line["payload"]))
    .filter((one) => one.length > 99);
  t.same(
    longest?.map((text) => large.equals(Buffer.from(text, "base64"))),
    [true, true, true],
  );
  for (const client of clients) t.equal((await client.leave()).status, 200);
  await cluster.until("all have left", () => clients.every((client) => client.ended));
});

test("the example of the manual page works as printed", { skip }, async (t) => {
  const page = readFileSync(join(project, "man/clusterd-groups.7"), "utf8");
  const section = page.slice(page.indexOf(".SH EXAMPLE"));
  const [join1 = "", rest = ""] = [...section.matchAll(/^\.nf\n(.*?)^\.fi/gms)].map(
    ([, roff = ""]) => roff.replaceAll("\\-", "-").replaceAll("\\e", "\\"),
  );
  const heard = `until grep -q configuration /tmp/chat; do sleep 0.1; done`;
  const script = `rm -f /tmp/chat\n${join1}\n${heard}\n${rest}\nwait\nrm /tmp/chat`;
  const { code, stdout, stderr } = await cluster.net.execOnNode(2, ["sh", "-c", script]);
  t.equal(code, 0, stderr);
  t.match(stdout, /"type":"message".*"payload":"aGVsbG8="/);
  t.match(stdout, /"reason":"leave".*\n.*"type":"ended","reason":"left"/);
});

test("a client that is killed is announced with procdown", { skip }, async (t) => {
  const witness = await member(1, "killed");
  const argv = ["curl", "-sN", "--unix-socket", "/run/clusterd/clusterd.sock", "-d", ""];
  const child = cluster.net.spawnOnNode(2, [...argv, "http://localhost/v1/groups/killed/join"]);
  await cluster.until("it has joined", () => hasTold(witness, '"node":2', '"join"'));
  child.kill("SIGKILL");
  await cluster.until("procdown", () => hasTold(witness, '"node":2', '"procdown"'));
  t.match(story(witness).at(-1), '"members":[{"node":1,"process":100}]');
  witness.close();
});

test("an account's socket serves groups only; unknown accounts are warned of", {
  skip,
}, async (t) => {
  t.match(cluster.daemon(1).output(), /warning: .*uidgid.*group no-such is unknown/);
  const socketPath = socketOf(1, "groups-uid-0.sock");
  t.equal(statSync(socketPath).mode & 0o777, 0o600);
  t.match(await post(socketPath, "/v1/leave"), { status: 403, body: { type: "forbidden" } });
  const client = new GroupClient({ socketPath, group: "by-account" });
  await cluster.until("it has joined", () => client.types.includes("configuration"));
  client.close();
});

test("clients that flood the ring do not disturb the services", { skip }, async (t) => {
  const counts = { sent: 0, refused: 0, rejoined: 0 };
  let flooding = true;
  const running = nodes.map(async (node) => {
    const message = Buffer.alloc(groupLimits.messageBytesMax, "flood ");
    let client = await member(node, "flood", null);
    while (flooding) {
      const seen = client.lines.length;
      const { status, body } = await client.multicast(message);
      counts[status === 200 ? "sent" : "refused"] += 1;
      if (body.type === "try-again") {
        await cluster.until("there is something to read", () => client.lines.length > seen);
      } else if (status !== 200) {
        // Cut off: this process reads for all of them, and the machine may be busy.
        client.close();
        client = await member(node, "flood", null);
        counts.rejoined += 1;
      }
    }
    client.close();
  });
  await cluster.until("the flood has risen", () => counts.sent > 20, 60_000);
  const target = (await cluster.service(1, primary))?.owner === 1 ? 2 : 1;
  const name = `node${target}.example.com`;
  const moved = await cluster.command(3, "clusvcadm-ts", "-r", primary, "-m", name);
  t.equal(moved.code, 0, moved.stdout + moved.stderr);
  t.equal(await cluster.started(3, primary), target);
  const { sent } = counts;
  await cluster.until("the flood goes on", () => counts.sent > sent + 20, 60_000);
  flooding = false;
  await Promise.all(running);
  t.comment(JSON.stringify(counts));
  await cluster.allStarted(nodes);
  for (const node of nodes) {
    t.notMatch(cluster.daemon(node).output(), /send queue|starting anew|the ring has ended/);
  }
});

test("a partition is nodedown on both sides, its end nodeup; groups go on inquorate", {
  skip,
}, async (t) => {
  const clients = [await member(1, "split"), await member(2, "split"), await member(3, "split")];
  const [first, second, third] = clients;
  if (first === undefined || second === undefined || third === undefined) throw new Error("none");
  await cluster.until("all joined", () => clients.every((one) => hasTold(one, '"process":300')));
  await cluster.net.partition([[1, 2], [3]]);
  await cluster.until("3 is lost", () => hasTold(first, '"node":3', '"nodedown"'));
  await cluster.until("1 and 2 are lost", () =>
    hasTold(third, '"node":1', '"node":2', '"nodedown"'),
  );
  t.equal((await cluster.status(3))?.quorum.quorate, false);
  t.equal((await third.multicast("alone")).status, 200);
  t.notOk(hasTold(first, Buffer.from("alone").toString("base64")));
  await cluster.net.healAll();
  await cluster.until("3 is back", () => hasTold(first, '"node":3', '"nodeup"'));
  await cluster.until("1 and 2 are back", () => hasTold(third, '"node":1', '"nodeup"'));
  t.equal((await third.multicast("together")).status, 200);
  await cluster.until("all hear it", () =>
    clients.every((client) => hasTold(client, Buffer.from("together").toString("base64"))),
  );
  const [a, b] = [story(first), story(second)];
  t.same(a.slice(a.length - 4), b.slice(b.length - 4), "1 and 2 went together");
  for (const client of clients) client.close();
});

test("a daemon that is killed takes its clients down, and comes back without", {
  skip,
}, async (t) => {
  const witness = await member(1, "daemon");
  const victim = await member(3, "daemon");
  await cluster.until("both are there", () => hasTold(witness, '"process":300'));
  cluster.daemon(3).kill("SIGKILL");
  await cluster.until("its clients hear it at once", () => victim.ended);
  await cluster.until("nodedown", () => hasTold(witness, '"node":3', '"nodedown"'));
  t.match(story(witness).at(-1), '"members":[{"node":1,"process":100}]');
  cluster.startDaemon(3);
  const again = await member(3, "daemon");
  await cluster.until("it has joined anew", () =>
    story(witness)
      .slice(-1)
      .some((text) => text.includes('"reason":"join"')),
  );
  again.close();
});

test("the end of the daemon is told to its clients", { skip }, async (t) => {
  const client = await member(2, "end");
  cluster.daemon(2).kill("SIGTERM");
  await cluster.until("the stream has ended", () => client.ended);
  t.match(client.lines.at(-1), { type: "ended", reason: "life-ended", text: /join again/ });
});
