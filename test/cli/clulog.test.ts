/** clulog hands an agent's message to logger, or to standard error without it. */
import { chmodSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "tap";
import { run } from "./spawned.ts";

const program = fileURLToPath(new URL("../../../bin/clulog", import.meta.url));

test("severity, type and text as agents give them", async (t) => {
  const directory = t.testdir({ logger: '#!/bin/sh\nprintf "%s|" "$@"\n' });
  chmodSync(`${directory}/logger`, 0o755);
  const say = async (...words: readonly string[]) =>
    (await run("/usr/bin/env", [`PATH=${directory}`, "/bin/sh", program, ...words])).out;
  t.equal(
    await say("-m", "fs", "-s", "3", "no such", "device"),
    "-t|clusterd|-p|daemon.err|--|[fs] no such device|",
  );
  t.equal(await say("-p", "12", "-l", "-n", "x", "up"), "-t|x|-p|daemon.info|--|up|");
  t.equal(await say("-s", "warning", "hot"), "-t|clusterd|-p|daemon.warning|--|hot|");
  t.equal(await say("-s", "9", "odd"), "-t|clusterd|-p|daemon.notice|--|odd|");
});

test("without logger the message is on standard error; without text nothing is", async (t) => {
  const bare = ["PATH=/nonexistent", "/bin/sh", program];
  t.match(await run("/usr/bin/env", [...bare, "-m", "ip", "gone"]), {
    err: "<info> [ip] gone\n",
    exit: 0,
  });
  t.match(await run("/usr/bin/env", bare), { err: /^usage: clulog/, exit: 1 });
});
