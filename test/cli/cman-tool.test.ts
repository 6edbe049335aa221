import { test } from "tap";
import { cmanTool } from "../../src/cli/cman-tool.ts";
import { formatMembership, formatNodes } from "../../src/cli/membership-text.ts";
import { exampleNode, exampleStatus } from "../control/fake-backend.ts";
import { serve, temporarySocket, until } from "../control/served.ts";
import { call } from "./fake-terminal.ts";
import { sameAsGolden } from "./golden-file.ts";
import { run, start } from "./spawned.ts";

const everything = { names: null, fields: null, addresses: false };

test("the status has the lines of cman_tool, and the ring's figures behind them", (t) => {
  const counters = {
    "gather entries": 3,
    retransmitted: 12,
    "dropped_own-copy": 99,
    dropped_replay: 2,
    dropped_authentication: 5,
  };
  const { ring, quorum } = exampleStatus();
  const status = exampleStatus({ ring: { ...ring, counters } });
  sameAsGolden(t, "cman-tool/status.txt", formatMembership(status));
  const alone = exampleStatus({
    nodes: [exampleNode(1), exampleNode(2, { online: false })],
    quorum: { ...quorum, votes: 1, expectedVotes: 1, quorum: 1, twoNode: true, quorate: true },
    ring: { ...ring, transport: "udpu", multicast: null, rotation: null },
  });
  sameAsGolden(t, "cman-tool/status-two-node.txt", formatMembership(alone));
  const joining = exampleStatus({
    nodes: [exampleNode(1, { online: false })],
    quorum: { ...quorum, votes: 0, quorate: false },
    ring: { ...ring, state: "gather", id: "", rotation: null },
    generation: 0,
  });
  sameAsGolden(t, "cman-tool/status-joining.txt", formatMembership(joining));
  const stopped = { ...joining, ring: { ...ring, state: "stopped" as const } };
  const { cluster } = exampleStatus();
  const refused = { ...joining, cluster: { ...cluster, configChange: "version 4 is refused" } };
  t.match(formatMembership(refused), /^Config Change: version 4 is refused$/m);
  t.match(formatMembership(stopped), /^Membership state: Not-in-Cluster$/m);
  t.end();
});

test("nodes are listed by number, with the ring sequence and time of their joining", (t) => {
  const far = exampleNode(4000, { joinedGeneration: 123456, name: "far" });
  const { nodes } = exampleStatus();
  const status = exampleStatus({ nodes: [...nodes, far] });
  sameAsGolden(t, "cman-tool/nodes.txt", formatNodes(status, everything));
  const named = { ...everything, names: ["node2.example.com"], addresses: true };
  sameAsGolden(t, "cman-tool/nodes-addresses.txt", formatNodes(status, named));
  const fields = ["id", "name", "type", "addr", "votes", "exp", "state"] as const;
  sameAsGolden(t, "cman-tool/nodes-fields.txt", formatNodes(status, { ...everything, fields }));
  t.end();
});

test("every command and option prints and exits as cman_tool does", async (t) => {
  const { socketPath, backend } = await serve(t);
  const cases: readonly (readonly [readonly string[], number, RegExp, RegExp])[] = [
    [["status"], 0, /^Version: 6\.2\.0\nConfig Version: 3\n/, /^$/],
    [["status", "--json"], 0, /"rotation": \{\n/, /^$/],
    [["nodes"], 0, /^Node {2}Sts {3}Inc {3}Joined {15}Name\n {3}1 {3}M {6}4 /, /^$/],
    [["nodes", "-a"], 0, /\n {7}Addresses: 20\.0\.20\.1 \n/, /^$/],
    [["-F", "name,type", "nodes"], 0, /^node1\.example\.com M \n/, /^$/],
    [["nodes", "-n", "node3.example.com", "-F", "state"], 0, /^Dead \n$/, /^$/],
    [["nodes", "-nnode2.example.com", "--json"], 0, /^\[\n {2}\{\n {4}"id": 2,/, /^$/],
    [
      ["nodes", "-n", "nobody"],
      1,
      /^$/,
      /^cman_tool: nobody is not a node of the configuration\n$/,
    ],
    [["nodes", "-F", "id,colour"], 1, /^$/, /'colour' is not a field; known: id,name/],
    [["version"], 0, /^6\.2\.0 config 3\n$/, /^$/],
    [["wait"], 0, /^$/, /^$/],
    [["wait", "-q", "-t", "1"], 0, /^$/, /^$/],
    [["-V"], 0, /^cman_tool-ts \d/, /^$/],
    [["-h"], 0, /^usage: cman_tool-ts/, /^$/],
    [[], 1, /^$/, /no command given\nusage/],
    [["version", "--json"], 0, /"configVersion": 3\n/, /^$/],
    [["kill"], 1, /^$/, /kill needs -n NODE/],
    [
      ["kill", "-n", "nobody"],
      1,
      /^$/,
      /^cman_tool: Can't kill node nobody : 'nobody' is not a node/,
    ],
    [["kill", "-n", "node2.example.com", "--json"], 1, /^$/, /kill does not take --json/],
    [["expected"], 1, /^$/, /expected needs -e VOTES/],
    [["expected", "-e", "two"], 1, /^$/, /'two' is not a number of votes/],
    [["votes", "-n", "node2.example.com"], 1, /^$/, /votes needs -v VOTES/],
    [["votes", "-v", "2", "-n", "a", "-n", "b"], 1, /^$/, /votes takes one -n NODE/],
    [["votes", "-v", "2", "-n", "nobody"], 1, /^$/, /^cman_tool: 'nobody' is not a node/],
    [["votes", "-v", "2", "--force", "x"], 1, /^$/, /votes does not take --force/],
    [["status", "-e", "2"], 1, /^$/, /status does not take -e/],
    [["leave", "force"], 1, /^$/, /force is only for leave remove/],
    [["status", "remove"], 1, /^$/, /unknown command 'remove'/],
    [["status", "nodes"], 1, /^$/, /unknown command 'nodes'/],
    [["wait", "-t", "soon"], 1, /^$/, /'soon' is not a number of seconds/],
    [["status", "-q"], 1, /^$/, /status does not take -q/],
    [["leave", "-t", "3"], 1, /^$/, /leave does not take -t/],
    [["leave", "--json"], 1, /^$/, /leave does not take --json/],
    [["status", "-z"], 1, /^$/, /invalid option -- 'z'/],
  ];
  for (const [words, exit, out, err] of cases) {
    t.match(await call(cmanTool, words, socketPath), { exit, out, err }, words.join(" "));
  }
  t.equal(backend.leaves, 0);
});

test("leave asks the daemon once, and -w waits for its end", async (t) => {
  const { socketPath, backend, server } = await serve(t);
  t.same(await call(cmanTool, ["leave"], socketPath), { out: "", err: "", exit: 0 });
  t.equal(backend.leaves, 1);
  const waiting = start("cman_tool-ts", ["leave", "-w"], { CLUSTERD_SOCKET: socketPath });
  await until("it has asked", () => backend.leaves === 2);
  await server.close();
  t.same(await waiting.outcome, { out: "", err: "", exit: 0 });
});

test("leave remove says so, and is refused unless it is safe or forced", async (t) => {
  const { socketPath, backend } = await serve(t);
  const refused = { out: "", err: "cman_tool: Error leaving cluster: it is not safe\n", exit: 1 };
  t.same(await call(cmanTool, ["leave", "remove"], socketPath), refused);
  t.same(backend.left, { remove: true, force: false });
  t.match(await call(cmanTool, ["leave", "remove", "force"], socketPath), { err: "", exit: 0 });
  t.same(backend.left, { remove: true, force: true });
});

test("version -r puts the file in force, or prints why it is refused", async (t) => {
  const { socketPath, backend } = await serve(t);
  t.same(await call(cmanTool, ["version", "-r"], socketPath), { out: "", err: "", exit: 0 });
  t.equal(backend.reloads, 1);
  backend.reloaded = { accepted: false, text: "Not reloading, configuration is not valid: x" };
  const err = "cman_tool: Not reloading, configuration is not valid: x\n";
  t.same(await call(cmanTool, ["version", "-r"], socketPath), { out: "", err, exit: 1 });
  t.match(await call(cmanTool, ["status", "-r"], socketPath), { err: /status does not take -r/ });
});

test("kill orders the end of each named node, and says who did", async (t) => {
  const { socketPath, backend } = await serve(t);
  const words = ["kill", "-n", "node2.example.com", "-n", "node3.example.com"];
  t.same(await call(cmanTool, words, socketPath), { out: "", err: "", exit: 0 });
  t.equal(backend.killed.length, 2);
  t.match(backend.killed[0], /^2 by \S/);
  backend.reply = { code: -8, owner: 0, text: "it is no member" };
  t.same(await call(cmanTool, ["kill", "-n", "node3.example.com"], socketPath), {
    out: "",
    err: "cman_tool: Can't kill node node3.example.com : it is no member\n",
    exit: 1,
  });
});

test("expected, votes and cancel-wait are silent when done, or say why not", async (t) => {
  const { socketPath, backend } = await serve(t);
  const sentence = "node node3.example.com is powered off";
  const silent = { out: "", err: "", exit: 0 };
  const tool = (...words: readonly string[]) => call(cmanTool, words, socketPath);
  t.same(await tool("expected", "-e", "2", "--force", sentence), silent);
  t.same(await tool("votes", "-v", "3", "-n", "node2.example.com"), silent);
  t.same(await tool("votes", "-v", "0"), silent);
  t.same(await tool("cancel-wait"), silent);
  t.match(backend.ordered, [
    { change: { type: "expected", expected: 2 }, sentence },
    { change: { type: "votes", node: 2, votes: 3 } },
    { change: { type: "votes", node: 1, votes: 0 } },
    { change: { type: "cancel-wait" }, sentence: null },
  ]);
  backend.answer = { accepted: false, text: "quorum would be 5, only 2 votes are present" };
  t.same(await tool("expected", "-e", "9"), {
    out: "",
    err: "cman_tool: can't set expected votes: quorum would be 5, only 2 votes are present\n",
    exit: 1,
  });
  t.match(await tool("votes", "-v", "9"), { err: /^cman_tool: can't set votes: /, exit: 1 });
  t.match(await tool("cancel-wait"), { err: /^cman_tool: can't cancel the wait: /, exit: 1 });
});

test("waiting longer than -t is exit code 2", async (t) => {
  const { socketPath, backend } = await serve(t);
  const { quorum } = backend.shown;
  backend.shown = exampleStatus({ quorum: { ...quorum, quorate: false } });
  const env = { CLUSTERD_SOCKET: socketPath };
  const late = { out: "", err: "cman_tool: Timed-out waiting for cluster\n", exit: 2 };
  t.same(await run("cman_tool-ts", ["wait", "-q", "-t", "1"], env), late);
  t.same(await run("cman_tool-ts", ["leave", "-w", "-t", "1"], env), late);
  t.match(await run("cman_tool-ts", ["wait", "-t", "1"], env), { exit: 0 });
  const waiting = start("cman_tool-ts", ["wait", "-q"], env);
  backend.shown = exampleStatus();
  t.match(await waiting.outcome, { exit: 0 });
});

test("without a daemon it says so in the original's words", async (t) => {
  const socketPath = temporarySocket(t);
  const commands = [["status"], ["nodes"], ["version"], ["leave"], ["expected", "-e", "2"]];
  for (const words of [...commands, ["votes", "-v", "1"], ["cancel-wait"]]) {
    t.same(await call(cmanTool, words, socketPath), {
      out: "",
      err: "cman_tool: Cannot open connection to cman, is it running ?\n",
      exit: 1,
    });
  }
});
