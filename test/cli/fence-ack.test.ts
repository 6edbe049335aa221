/**
 * The command fence_ack-ts: what it asks, what it prints, and how it exits.
 * Cases: those of the list "fencing" in test/cases.txt.
 */
import { test } from "tap";
import { fenceAck } from "../../src/cli/fence-ack.ts";
import { serve, temporarySocket } from "../control/served.ts";
import { fakeTerminal } from "./fake-terminal.ts";

const name = "node2.example.com";

async function acknowledge(socketPath: string, words: readonly string[], typed = "") {
  const fake = fakeTerminal({ CLUSTERD_SOCKET: socketPath, USER: "erika" });
  const exit = await fenceAck(words, fake.terminal, () => Promise.resolve(typed));
  return { exit, out: fake.out(), err: fake.err() };
}

test("the name must be typed, letter by letter", async (t) => {
  const { backend, socketPath } = await serve(t);
  const wrong = await acknowledge(socketPath, [name], "yes");
  t.equal(wrong.exit, 1);
  t.match(wrong.err, /not confirmed, nothing was done/);
  t.match(wrong.out, /will run twice/);
  t.same(backend.acknowledged, []);
  const right = await acknowledge(socketPath, [name], ` ${name}\n`);
  t.equal(right.exit, 0);
  t.same(backend.acknowledged, ["2 by erika"]);
});

test("--yes needs the name again, and asks nothing", async (t) => {
  const { backend, socketPath } = await serve(t);
  t.equal((await acknowledge(socketPath, [name, "--yes", "node3.example.com"])).exit, 1);
  t.same(backend.acknowledged, []);
  const done = await acknowledge(socketPath, [name, "--yes", name]);
  t.equal(done.exit, 0);
  t.notMatch(done.out, /Type its name/);
});

test("case 22: a non-victim and an unknown name are refused, no daemon is an error", async (t) => {
  const { backend, socketPath } = await serve(t);
  backend.reply = { code: -8, owner: 0, text: "is not waiting to be fenced" };
  const refused = await acknowledge(socketPath, [name, "--yes", name]);
  t.match(refused, { exit: 1, err: /not waiting to be fenced/ });
  const unknown = await acknowledge(socketPath, ["node9", "--yes", "node9"]);
  t.match(unknown, { exit: 1, err: /not a node of the configuration/ });
  t.equal((await acknowledge(temporarySocket(t), [name, "--yes", name])).exit, 1);
  t.match(await acknowledge(socketPath, []), { exit: 1, err: /^usage:/ });
  t.match(await acknowledge(socketPath, [name, "again"]), { exit: 1, err: /unexpected 'again'/ });
  t.match(await acknowledge(socketPath, ["-h"]), { exit: 0, out: /^usage:/ });
});
