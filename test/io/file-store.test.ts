import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Test, test } from "tap";
import { FileStore } from "../../src/io/files/file-store.ts";
import { lockInstance } from "../../src/io/files/instance-lock.ts";
import { ringSeqsAhead } from "../../src/model/ids.ts";
import { ms } from "../../src/model/time.ts";
import { storeContract } from "./store.contract.ts";

async function directory(t: Test): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "clusterd-store-"));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  return path;
}

storeContract("files", async (t) => {
  const path = await directory(t);
  return { next: () => new FileStore(path), wait: async (asked) => await asked };
});

test("the first life starts its ring sequences at the wall clock, and says so", async (t) => {
  const store = new FileStore(join(await directory(t), "state"));
  t.same(await store.beginLife(ms(1_700_000_000_000.7)), {
    ok: true,
    value: {
      incarnation: 1_700_000_000_000,
      ringSeqStart: 1_700_000_000_000_001,
      ringSeqDurable: 1_700_000_000_000_000 + ringSeqsAhead,
      first: true,
    },
  });
});

test("a life that lost its state starts above what the lost one may have used", async (t) => {
  const path = await directory(t);
  const first = new FileStore(path);
  const before = await first.beginLife(ms(1_700_000_000_000));
  await rm(join(path, "ring.json"));
  const after = await new FileStore(path).beginLife(ms(1_700_000_000_100));
  t.ok(before.ok && after.ok && after.value.ringSeqStart > before.value.ringSeqDurable);
});

test("a life starts above the bound of the one before, used or not", async (t) => {
  const path = await directory(t);
  const first = new FileStore(path);
  await first.beginLife(ms(1000));
  t.same(await first.raiseRingSeq(9_000_000), { ok: true, value: 9_000_000 });
  t.match(await new FileStore(path).beginLife(ms(2000)), {
    ok: true,
    value: { ringSeqStart: 9_000_001, ringSeqDurable: 9_000_000 + ringSeqsAhead, first: false },
  });
});

test("incarnations rise although the wall clock was set back", async (t) => {
  const path = await directory(t);
  await new FileStore(path).beginLife(ms(5000));
  t.match(await new FileStore(path).beginLife(ms(10)), { value: { incarnation: 5001 } });
  t.match(await new FileStore(path).beginLife(ms(10)), { value: { incarnation: 5002 } });
});

test("the bound is never lowered, and raises in flight do not overtake each other", async (t) => {
  const path = await directory(t);
  const store = new FileStore(path);
  await store.beginLife(ms(1));
  const raised = await Promise.all([9000, 12_000, 7000].map((bound) => store.raiseRingSeq(bound)));
  t.same(
    raised.map((result) => result.ok && result.value),
    [9000, 12_000, 12_000],
  );
  t.match(JSON.parse(await readFile(join(path, "ring.json"), "utf8")), { ringSeq: 12_000 });
});

test("a damaged file is refused, never taken for a missing one", async (t) => {
  const path = await directory(t);
  const damaged = ["", "{", "null", "7", '{"ringSeq":"9","incarnation":1}', '{"ringSeq":-1}'];
  for (const text of damaged) {
    await writeFile(join(path, "ring.json"), text);
    t.match(await new FileStore(path).beginLife(ms(1000)), {
      ok: false,
      problem: { type: "unreadable", path: join(path, "ring.json") },
    });
  }
  await writeFile(join(path, "tracking-token"), "guess\n");
  t.match(await new FileStore(path).trackingToken(), { ok: false });
});

test("a ring sequence beyond any clock is told with its remedy, and never written", async (t) => {
  const path = await directory(t);
  const file = join(path, "ring.json");
  for (const ringSeq of [2 ** 52, Number.MAX_SAFE_INTEGER, 2 ** 53 + 4000, 1e300]) {
    await writeFile(file, JSON.stringify({ ringSeq, incarnation: 7 }));
    const life = await new FileStore(path).beginLife(ms(1000));
    t.match(life, { ok: false, problem: { path: file } });
    t.match(
      life.ok ? "" : life.problem.cause,
      /beyond any clock.*remove this file on each/,
      `${ringSeq}`,
    );
  }
  await rm(file);
  const store = new FileStore(path);
  await store.beginLife(ms(1000));
  const before = await readFile(file, "utf8");
  for (const bound of [2 ** 52 + 1, Number.MAX_SAFE_INTEGER, Number.NaN]) {
    t.match(await store.raiseRingSeq(bound), { ok: false }, `${bound}`);
  }
  t.equal(await readFile(file, "utf8"), before);
  t.match(await new FileStore(path).beginLife(ms(2000)), { ok: true });
});

test("what an interrupted write left behind is overwritten", async (t) => {
  const path = await directory(t);
  await new FileStore(path).beginLife(ms(0));
  await writeFile(join(path, "ring.json.new"), '{"ringSeq":99');
  t.match(await new FileStore(path).beginLife(ms(1000)), {
    value: { ringSeqStart: ringSeqsAhead + 1 },
  });
});

test("a write that is not possible is told", async (t) => {
  const path = await directory(t);
  const store = new FileStore(path);
  await store.beginLife(ms(1000));
  await rm(path, { recursive: true });
  t.match(await store.raiseRingSeq(9_000_000), { ok: false, problem: { type: "unwritable" } });
  await writeFile(path, "a file where the directory was");
  t.match(await new FileStore(path).beginLife(ms(1000)), {
    ok: false,
    problem: { type: "unreadable" },
  });
});

test("killed at any moment, the store never forgets what it promised", async (t) => {
  const path = await directory(t);
  const program = fileURLToPath(new URL("./store-writer.js", import.meta.url));
  let promised = 0;
  for (let round = 0; round < 8; round += 1) {
    const child = fork(program, [path], { execArgv: [], env: {}, stdio: "ignore" });
    let writes = 0;
    child.on("message", (bound) => {
      promised = Math.max(promised, Number(bound));
      writes += 1;
      if (writes === 3 + round) child.kill("SIGKILL");
    });
    await once(child, "exit");
    t.ok(writes >= 3 + round, `round ${round}: ${writes} writes`);
    const life = await new FileStore(path).beginLife(ms(1));
    t.ok(life.ok && life.value.ringSeqStart > promised, `above ${promised}`);
    if (life.ok) promised = life.value.ringSeqDurable;
  }
});

test("the tracking token is random, and the same in all lives", async (t) => {
  const path = await directory(t);
  const first = await new FileStore(path).trackingToken();
  t.same(await new FileStore(path).trackingToken(), first);
  t.notSame(await new FileStore(await directory(t)).trackingToken(), first);
});

test("a second daemon on one state directory is refused until the first is gone", async (t) => {
  const path = await directory(t);
  const first = await lockInstance(path, "clusterd");
  t.equal(first.ok, true);
  t.same(await lockInstance(`${path}/.`, "clusterd"), {
    ok: false,
    problem: { type: "already-running", stateDirectory: path },
  });
  const elsewhere = await lockInstance(join(path, "other"), "clusterd");
  t.equal(elsewhere.ok, true);
  if (first.ok) first.value();
  const again = await lockInstance(path, "clusterd");
  t.equal(again.ok, true);
  for (const lock of [elsewhere, again]) if (lock.ok) lock.value();
});
