/**
 * Wrong input of every kind at real programs: configurations, frames, commands without a daemon.
 */
import { readdirSync, readFileSync } from "node:fs";
import { enterNamespaces } from "../netns/enter.ts";

const entry = await enterNamespaces();
const { test, t: suite } = await import("tap");
const { writeFileSync } = await import("node:fs");
const { join } = await import("node:path");
const { project, publishedConf, RealCluster } = await import("./real-cluster.ts");
const skip = entry.type === "unsupported" ? entry.reason : false;

const cluster = new RealCluster();
if (skip === false) await cluster.start();
suite.teardown(() => cluster.stop());

const example = readFileSync(join(project, "conf/cluster.conf.example"), "utf8");
/** What is replaced, by what, and words of the complaint. */
const mistakes: readonly (readonly [string, string, RegExp])[] = [
  [' nodeid="2"', "", /attribute nodeid is missing/],
  ['nodeid="3"', 'nodeid="1"', /nodeid 1 is already used/],
  ['name="qpid-test"', 'name="a-name-of-16-byt"', /16 bytes long; at most 15/],
  ['config_version="18"', 'config_version="abc"', /"abc" is not an integer/],
  ['recovery="relocate"', 'recovery="failover"', /restart, relocate, disable/],
  ['<script ref="qpidd-primary"/>', '<script ref="qpid"/>', /no <script> named "qpid"/],
  ['domain="node1-domain"', 'domain="node9-domain"', /node9-domain/],
  ["20.0.20.200", "20.0.20.256", /not an address/],
  ['status_poll_interval="1"', 'status_poll_interval="0.5"', /whole seconds|integer/],
  ["<resources>", "<resorces>", /./],
];

test("each of ten mistakes is one line with file and line, and starts nothing", {
  skip,
}, async (t) => {
  for (const [from, to, words] of mistakes) {
    const file = cluster.net.path(1, "etc/cluster/broken.conf");
    t.ok(example.includes(from), `the example has ${from}`);
    writeFileSync(file, example.replaceAll(from, to));
    const argv = [join(project, "bin/clusterd"), "-c", "/etc/cluster/broken.conf"];
    const result = await cluster.net.execOnNode(1, argv);
    t.equal(result.code, 1, `${to}: exit status`);
    const errors = result.stderr.split("\n").filter((line) => line.includes(": error: "));
    t.equal(errors.length, 1, `${to}: ${result.stderr}`);
    t.match(errors[0], /^\/etc\/cluster\/broken\.conf:\d+: error: /);
    t.match(errors[0], words);
    t.same(readdirSync(`${cluster.net.rootOf(1)}/run/clusterd`), [], "no socket was made");
  }
});

test("--check says the same, shows what follows, and starts nothing", { skip }, async (t) => {
  const clusterd = join(project, "bin/clusterd");
  const example = join(project, "conf/cluster.conf.example");
  const clean = await cluster.net.execOnNode(1, [clusterd, "--check", "-c", example]);
  t.equal(clean.code, 0, clean.stderr);
  t.match(
    clean.stderr,
    /: warning: .*no keyfile: .*\n.*: warning: .*no fence devices .*\n2 warnings\n$/,
  );
  t.match(clean.stdout, /^cluster qpid-test, version 18, id 55582$/m);
  t.match(
    clean.stdout,
    /^node 1 node1\.example\.com 20\.0\.20\.1, 1 vote, this machine, no fence/m,
  );
  const asJson = await cluster.net.execOnNode(1, [clusterd, "--check", "--json", "-c", example]);
  t.match(JSON.parse(asJson.stdout), { status: 0, warnings: 2, view: { cluster: { id: 55582 } } });
  const printed = await cluster.net.execOnNode(1, [clusterd, "--check", "-c", publishedConf]);
  t.equal(printed.code, 0);
  t.match(printed.stderr, /:20: warning: /);
  t.match(printed.stderr, /^3 warnings$/m);
  const strict = await cluster.net.execOnNode(1, [
    clusterd,
    "--check",
    "--strict",
    "-c",
    publishedConf,
  ]);
  t.equal(strict.code, 1);
  const absent = await cluster.net.execOnNode(1, [clusterd, "-c", "/nowhere.conf"]);
  t.equal(absent.code, 1);
  t.match(absent.stderr, /\/nowhere\.conf.*(no such file|ENOENT)/i);
});

test("commands without a daemon say so and exit 1", { skip }, async (t) => {
  const clustat = await cluster.command(1, "clustat-ts");
  t.equal(clustat.code, 1);
  t.match(clustat.stderr, /Could not connect to CMAN/);
  const clusvcadm = await cluster.command(1, "clusvcadm-ts", "-e", "qpidd-primary-service");
  t.equal(clusvcadm.code, 1);
  t.match(clusvcadm.stdout + clusvcadm.stderr, /Could not connect/);
});

test("foreign and damaged frames are counted and change nothing", { skip }, async (t) => {
  cluster.startDaemon(1);
  cluster.startDaemon(2);
  await cluster.until("two nodes quorate", async () => {
    const status = await cluster.status(1);
    return status?.quorum.quorate === true && status.nodes.filter((one) => one.ready).length === 2;
  });
  const before = await cluster.status(1);
  const sender = join(project, "build/test/e2e/foreign-frames.js");
  const argv = [process.execPath, sender, "20.0.20.3", "239.192.217.247", "5405", "50"];
  const sent = await cluster.net.execOnNode(3, [...argv, "20.0.20.1", "20.0.20.2"]);
  t.equal(sent.code, 0, sent.stderr);
  const dropped = async (cause: string) =>
    (await cluster.status(1))?.ring.counters[`dropped_${cause}`] ?? 0;
  await cluster.until("garbage is counted", async () => (await dropped("magic")) > 0);
  await cluster.until("the other cluster", async () => (await dropped("other-cluster")) >= 50);
  await cluster.until("the wrong key", async () => (await dropped("authentication")) >= 50);
  const after = await cluster.status(1);
  t.equal(after?.generation, before?.generation, "the ring is the same");
  t.same(
    after?.nodes.map((one) => one.online),
    [true, true, false],
  );
});
