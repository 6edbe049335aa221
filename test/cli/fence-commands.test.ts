/** fence_node-ts, fence_tool-ts and fence_check-ts: what they print, ask, and exit with. */
import { type Test, test } from "tap";
import { fenceCheck } from "../../src/cli/fence-check.ts";
import { fenceNode } from "../../src/cli/fence-node.ts";
import { formatDomain, formatMethods } from "../../src/cli/fence-text.ts";
import { fenceTool } from "../../src/cli/fence-tool.ts";
import type { RunReply } from "../../src/control/operator-protocol.ts";
import { exampleFencing, type FakeBackend } from "../control/fake-backend.ts";
import { serve, temporarySocket } from "../control/served.ts";
import { fakeTerminal } from "./fake-terminal.ts";
import { sameAsGolden } from "./golden-file.ts";
import { run } from "./spawned.ts";

type Command = typeof fenceNode;

const name = "node2.example.com";

async function calling(t: Test) {
  const { backend, socketPath } = await serve(t);
  const call = async (command: Command, words: readonly string[], typed = "") => {
    const fake = fakeTerminal({ CLUSTERD_SOCKET: socketPath, USER: "erika" });
    const exit = await command(words, fake.terminal, () => Promise.resolve(typed));
    return { exit, out: fake.out(), err: fake.err() };
  };
  return { backend, call };
}

const ran = (backend: FakeBackend) =>
  backend.ordered.map((one) => ("type" in one ? `${one.type} ${one.node} ${one.who}` : ""));

test("the domain has the layout of fence_tool ls", (t) => {
  sameAsGolden(t, "fence-tool/ls.txt", formatDomain(exampleFencing(), { nodes: false }));
  const [first, second, third] = exampleFencing().nodes;
  if (first === undefined || second === undefined || third === undefined) throw new Error("nodes");
  const lost = { ...third, victim: true, how: "none", lastMaster: 0 } as const;
  const busy = exampleFencing({
    master: 2,
    waitState: "fencing",
    victimNow: 3,
    nodes: [lost, second, first],
  });
  sameAsGolden(t, "fence-tool/ls-fencing.txt", formatDomain(busy, { nodes: true }));
  sameAsGolden(t, "fence-tool/methods.txt", formatMethods(first.methods));
  t.end();
});

test("fence_tool: ls, dump and ack; join and leave say why not", async (t) => {
  const { backend, call } = await calling(t);
  t.match(await call(fenceTool, ["ls"]), { exit: 0, out: /^fence domain\nmember count {2}2\n/ });
  t.match(await call(fenceTool, ["ls", "-n"]), { exit: 0, out: /\nnodeid 3 member 0 victim 0 / });
  t.match(await call(fenceTool, ["dump"]), { exit: 0, out: /^\{\n {2}"joined": true/ });
  const ack = await call(fenceTool, ["ack", name, "--yes", name]);
  t.equal(ack.exit, 0);
  t.same(backend.acknowledged, ["2 by erika"]);
  t.match(await call(fenceTool, ["join"]), { exit: 1, err: /need not join/ });
  t.match(await call(fenceTool, ["leave"]), { exit: 1, err: /cman_tool-ts leave leaves/ });
  t.match(await call(fenceTool, ["frob"]), { exit: 1, err: /unknown command 'frob'/ });
  t.match(await call(fenceTool, []), { exit: 1, err: /no command given\nusage/ });
  t.match(await call(fenceTool, ["dump", "-n"]), { exit: 1, err: /dump does not take -n/ });
  t.match(await call(fenceTool, ["ls", "-z"]), { exit: 1, err: /invalid option -- 'z'/ });
  backend.shownFencing = exampleFencing({ joined: false });
  t.same(await call(fenceTool, ["ls"]), { exit: 1, out: "", err: "" });
});

test("fence_node says what it will do, and needs the name typed", async (t) => {
  const { backend, call } = await calling(t);
  const wrong = await call(fenceNode, [name], "yes");
  t.match(wrong, { exit: 1, err: "fence_node-ts: not confirmed, nothing was done\n" });
  sameAsGolden(t, "fence-tool/confirm.txt", wrong.out);
  t.same(backend.ordered, []);
  const lines = [`fence ${name} power.apc1 fence_apc off: success`];
  backend.ran = { result: "success", lines, text: `${name} was switched off` };
  const done = await call(fenceNode, [name], ` ${name}\n`);
  t.equal(done.exit, 0);
  t.ok(done.out.endsWith(`${lines[0]}\nfence ${name} success: ${name} was switched off\n`));
  t.equal((await call(fenceNode, [name, "--yes", name])).exit, 0);
  t.equal((await call(fenceNode, [name, "--yes", "node3.example.com"], name)).exit, 1);
  t.same(ran(backend), ["fence 2 erika", "fence 2 erika"]);
});

test("fence_node: -U for this node or another, -S, and the exit statuses", async (t) => {
  const { backend, call } = await calling(t);
  t.equal((await call(fenceNode, ["-U"])).exit, 0);
  t.equal((await call(fenceNode, ["-U", name])).exit, 0);
  t.match(await call(fenceNode, ["-S", name]), { exit: 0, out: `status ${name} success: done\n` });
  t.same(ran(backend), ["unfence 1 erika", "unfence 2 erika", "device-status 2 erika"]);
  const results: readonly (readonly [RunReply["result"], number])[] = [
    ["success", 0],
    ["failed", 1],
    ["undefined", 2],
  ];
  for (const [result, exit] of results) {
    backend.ran = { result, lines: [], text: "so it is" };
    const { out, err, ...rest } = await call(fenceNode, [name, "--yes", name]);
    t.same(rest, { exit });
    t.equal(out + err, `fence ${name} ${result}: so it is\n`);
  }
  t.match(await call(fenceNode, ["nobody"]), { exit: 1, err: /nobody is not a node/ });
  t.match(await call(fenceNode, []), { exit: 1, err: /no node given\nusage/ });
  t.match(await call(fenceNode, [name, "again"]), { exit: 1, err: /unexpected 'again'/ });
});

test("fence_check: a line for each device, and the exit statuses of the original", async (t) => {
  const { backend, call } = await calling(t);
  const lines = [`${name} power.apc1 fence_apc: on`, `${name} power.apc2 fence_apc: error, exit 1`];
  const results: readonly (readonly [RunReply["result"], number])[] = [
    ["success", 0],
    ["undefined", 0],
    ["refused", 3],
    ["busy", 4],
    ["failed", 5],
  ];
  for (const [result, exit] of results) {
    backend.ran = { result, lines, text: "2 devices were asked, 1 failed" };
    const reply = await call(fenceCheck, []);
    t.equal(reply.exit, exit, result);
    const last = "fence_check-ts: 2 devices were asked, 1 failed\n";
    t.equal(reply.out + reply.err, `${lines.join("\n")}\n${last}`);
  }
  t.match(await call(fenceCheck, [name]), { exit: 1, err: /unexpected/ });
});

test("without a daemon each of them says so", async (t) => {
  const env = { CLUSTERD_SOCKET: temporarySocket(t) };
  const nobody = /no clusterd answers here: No such file or directory/;
  t.match(await run("fence_check-ts", [], env), { exit: 2, err: nobody });
  t.match(await run("fence_node-ts", [name, "--yes", name], env), { exit: 1, err: nobody });
  t.match(await run("fence_tool-ts", ["ls"], env), { exit: 1, err: nobody });
  for (const command of ["fence_check-ts", "fence_node-ts", "fence_tool-ts"]) {
    t.match(await run(command, ["-V"], env), { exit: 0, out: new RegExp(`^${command} \\d`) });
    t.match(await run(command, ["-h"], env), { exit: 0, out: new RegExp(`^usage: ${command} ?`) });
  }
});
