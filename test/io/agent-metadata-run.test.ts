/** Agents are asked for their metadata: which files are run, and what comes of bad ones. */
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "tap";
import {
  askDirectory,
  askFile,
  askWholeDirectory,
} from "../../src/io/processes/agent-metadata-run.ts";
import { isAlive } from "../netns/child.ts";
import { until } from "../netns/until.ts";

const typeOf = (text: string) => /^type (\w+)$/m.exec(text)?.[1] ?? null;

/** Agents by name of the file; each says its type and leaves a mark that it was run. */
function agents(
  t: { testdir: (files: Record<string, string>) => string },
  scripts: Record<string, string>,
): string {
  const directory = t.testdir(scripts);
  for (const name of Object.keys(scripts)) chmodSync(join(directory, name), 0o755);
  return directory;
}

const says = (type: string) =>
  `#!/bin/sh\n>"$0.ran"\n[ "$1" = meta-data ] && echo "type ${type}"\n`;

test("a file named after a type is asked, and no other", async (t) => {
  const directory = agents(t, { "fs.sh": says("fs"), fence_check: says("none") });
  const answers = await askDirectory(directory, ["fs"], typeOf);
  t.same(answers, [
    {
      file: join(directory, "fs.sh"),
      outcome: { type: "printed", text: "type fs\n" },
    },
  ]);
  t.notOk(existsSync(join(directory, "fence_check.ran")));
  t.same(await askDirectory(directory, [], typeOf), []);
});

test("a type that no file is named after is looked for in all of them", async (t) => {
  const directory = agents(t, {
    "b.sh": says("disk"),
    "a.sh": says("lamp"),
    "c.sh~": says("old"),
    fence_scsi_check_hardreboot: says("disk"),
    "d.sh.rpmsave": says("older"),
  });
  const answers = await askDirectory(directory, ["disk"], typeOf);
  t.same(
    answers.map(({ file }) => file),
    [join(directory, "a.sh"), join(directory, "b.sh")],
  );
});

test("METADATA1: what belongs to fence agents is not run, whatever is asked for", async (t) => {
  const directory = agents(t, { fence_check: says("fence_check") });
  t.same(await askDirectory(directory, ["fence_check", "other"], typeOf), []);
  t.same(await askWholeDirectory(directory), []);
  t.notOk(existsSync(join(directory, "fence_check.ran")));
});

test("a directory that is not there has no agents", async (t) => {
  t.same(await askDirectory("/nonexistent", ["fs"], typeOf), []);
  t.equal(await askWholeDirectory("/nonexistent"), null);
  t.equal(await askWholeDirectory("/etc/hostname"), null);
});

test("one file: absent, not executable, silent, and its complaints", async (t) => {
  const directory = agents(t, {
    good: '#!/bin/sh\necho "$OCF_ROOT $HOME"\n',
    silent: "#!/bin/sh\necho cannot find my library >&2\nexit 2\n",
    text: "",
    interpreter: "#!/nonexistent/sh\n",
  });
  chmodSync(join(directory, "text"), 0o644);
  const ask = (name: string) => askFile(join(directory, name), "/ocf");
  t.same(await ask("good"), { type: "printed", text: "/ocf \n" });
  t.equal(await ask("absent"), null);
  t.same(await ask("text"), { type: "failed", cause: "it is not executable" });
  t.same(await ask("silent"), {
    type: "failed",
    cause: "it prints none: cannot find my library",
  });
  t.match(await ask("interpreter"), { type: "failed", cause: /ENOENT/ });
  t.same(await askFile(directory, "/ocf"), { type: "failed", cause: "it is no regular file" });
});

test("megabytes are cut off, and what a file leaves behind is ended", async (t) => {
  const directory = agents(t, {
    "loud.sh": "#!/bin/sh\nwhile :; do cat /proc/self/status; done\n",
    "daemon.sh": '#!/bin/sh\nsleep 1000 &\necho "pid $!"\n',
  });
  const loud = await askFile(join(directory, "loud.sh"), "/ocf");
  t.match(loud, { type: "failed", cause: /^it prints more than 262144 bytes/ });
  const daemon = await askFile(join(directory, "daemon.sh"), "/ocf");
  const text = daemon?.type === "printed" ? daemon.text : "";
  t.match(text, /^pid \d+\n$/);
  const pid = Number(text.slice(4));
  await until(() => !isAlive(pid), { timeoutMs: 10_000, describe: () => "it is ended" });
});

test("METADATA3: one that has failed is asked once more, one that hangs is not", async (t) => {
  const directory = agents(t, {
    "busy.sh": '#!/bin/sh\n[ -e "$0.ran" ] && echo "type busy"\n>"$0.ran"\n',
    "late.sh": '#!/bin/sh\n>>"$0.ran" echo once\n{ sleep 0.5; echo "type late"; } &\n',
  });
  const busy = await askFile(join(directory, "busy.sh"), "/ocf");
  t.same(busy, { type: "printed", text: "type busy\n" });
  const late = join(directory, "late.sh");
  t.same(await askFile(late, "/ocf"), { type: "printed", text: "type late\n" });
  t.equal(readFileSync(`${late}.ran`, "utf8"), "once\n", "its child was waited for");
});

test("METADATA3: what has printed metadata is asked again only when it has changed", async (t) => {
  const directory = agents(t, { "fs.sh": '#!/bin/sh\n>>"$0.ran" echo ran\necho "type fs"\n' });
  const file = join(directory, "fs.sh");
  const runs = () => readFileSync(`${file}.ran`, "utf8").trim().split("\n").length;
  await askFile(file, "/ocf");
  await askDirectory(directory, ["fs"], typeOf);
  await askFile(file, "/ocf");
  t.equal(runs(), 2, "once for each OCF_ROOT");
  writeFileSync(file, "#!/bin/sh\necho other\n");
  t.same(await askFile(file, "/ocf"), { type: "printed", text: "other\n" });
});
