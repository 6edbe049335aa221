/** The sockets of the run directory: who may connect where, and what is served there. */
import { existsSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Test, test } from "tap";
import { openControlSockets } from "../../src/daemon/control-sockets.ts";
import { FakeBackend } from "../control/fake-backend.ts";

type Account = { readonly type: "uid" | "gid"; readonly id: number };

const ownUid = process.getuid?.() ?? 0;
const ownGid = process.getgid?.() ?? 0;
/** Only root may hand a file to somebody else. */
const uid = ownUid === 0 ? 12345 : ownUid;
const gid = ownUid === 0 ? 54321 : ownGid;

function temporaryDirectory(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), "clusterd-"));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

async function open(t: Test, runDirectory: string, accounts: readonly Account[]) {
  const notices: string[] = [];
  const notice = (text: string) => notices.push(text);
  const backend = new FakeBackend();
  const opened = await openControlSockets({ runDirectory, accounts, backend, notice });
  t.teardown(() => (opened.ok ? opened.value.close() : null));
  return { opened, notices, backend };
}

function statusOf(socketPath: string, path: string, method = "GET"): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path, method, agent: false }, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode ?? 0));
    });
    call.on("error", reject);
    call.end();
  });
}

test("each account has a socket that the file system keeps for it", async (t) => {
  const directory = temporaryDirectory(t);
  const accounts = [
    { type: "uid" as const, id: uid },
    { type: "gid" as const, id: gid },
  ];
  const { opened, notices } = await open(t, directory, accounts);
  t.ok(opened.ok);
  t.same(notices, []);
  const user = statSync(join(directory, `groups-uid-${uid}.sock`));
  t.same([user.uid, user.mode & 0o777], [uid, 0o600]);
  const group = statSync(join(directory, `groups-gid-${gid}.sock`));
  t.same([group.uid, group.gid, group.mode & 0o777], [ownUid, gid, 0o660]);
});

test("the sockets of accounts serve process groups and nothing else", async (t) => {
  const directory = temporaryDirectory(t);
  const { backend } = await open(t, directory, [{ type: "uid", id: uid }]);
  const socket = join(directory, `groups-uid-${uid}.sock`);
  t.equal(await statusOf(socket, "/v1/groups"), 200);
  const others = ["/v1/status", "/v1/metrics", "/v1/events"];
  for (const path of others) t.equal(await statusOf(socket, path), 403, path);
  const posts = ["/v1/leave", "/v1/lock", "/v1/services/web/stop", "/v1/nodes/node1/acknowledge"];
  for (const path of posts) t.equal(await statusOf(socket, path, "POST"), 403, path);
  t.same([backend.leaves, backend.requests, backend.acknowledged], [0, [], []]);
  t.equal(await statusOf(join(directory, "clusterd.sock"), "/v1/groups"), 200);
});

test("sockets of accounts that are not named any more are removed, unless served", async (t) => {
  const directory = temporaryDirectory(t);
  const stale = join(directory, "groups-uid-7.sock");
  const living = join(directory, "groups-gid-8.sock");
  const strange = join(directory, "groups-gid-9.sock");
  await leaveSocketBehind(stale);
  writeFileSync(strange, "");
  const other = createServer().listen(living);
  t.teardown(() => other.close());
  await new Promise((resolve) => other.on("listening", resolve));
  const { opened } = await open(t, directory, []);
  t.ok(opened.ok);
  t.same([stale, living, strange].map(existsSync), [false, true, true]);
});

test("accounts come and go while the sockets are open", async (t) => {
  const directory = temporaryDirectory(t);
  const { opened, notices } = await open(t, directory, [{ type: "uid", id: uid }]);
  if (!opened.ok) throw new Error(opened.problem);
  const sockets = opened.value;
  const [ofUser, ofGroup] = [`uid-${uid}`, `gid-${gid}`].map((name) =>
    join(directory, `groups-${name}.sock`),
  );
  t.same(await sockets.serve([{ type: "gid", id: gid }]), []);
  t.same(
    [ofUser, ofGroup].map((path) => existsSync(path ?? "")),
    [false, true],
  );
  t.equal(await statusOf(ofGroup ?? "", "/v1/groups"), 200);
  writeFileSync(ofUser ?? "", "");
  sockets.change([
    { type: "uid", id: uid },
    { type: "gid", id: gid },
  ]);
  await sockets.serve([{ type: "gid", id: gid }]);
  t.match(notices, [/groups-uid-\d+\.sock is in the way/]);
  t.equal(await statusOf(ofGroup ?? "", "/v1/groups"), 200, "the others go on");
  await sockets.close();
  t.same(await sockets.serve([{ type: "uid", id: uid }]), [], "nothing opens after the end");
  t.notOk(existsSync(ofGroup ?? ""));
});

test("what is in the way of a socket is named, and nothing stays open", async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, `groups-uid-${uid}.sock`), "");
  const { opened } = await open(t, directory, [{ type: "uid", id: uid }]);
  t.match(opened, { ok: false, problem: /groups-uid-\d+\.sock is in the way.*remove it/ });
  await t.rejects(statusOf(join(directory, "clusterd.sock"), "/v1/status"));
});

/** As a daemon does that is killed: the file stays, nobody listens. */
async function leaveSocketBehind(path: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(`${path}.new`, resolve));
  renameSync(`${path}.new`, path);
  await new Promise((resolve) => server.close(resolve));
}
