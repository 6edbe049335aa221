import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, fstatSync, openSync, readdirSync, readlinkSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Test, test } from "tap";
import { systemClock } from "../../src/io/clock.ts";
import { formatFor, formatLogText } from "../../src/io/log/log-lines.ts";
import { LineLog, type LogOptions } from "../../src/io/log/log-sink.ts";
import { ms } from "../../src/model/time.ts";
import { until } from "./waiting.ts";

const priority = {
  totem: "notice",
  quorum: "info",
  fencing: "debug",
  services: "err",
} as const;

async function directory(t: Test): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "clusterd-log-"));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  return path;
}

function options(output: string, rest: Partial<LogOptions> = {}): LogOptions {
  const descriptor = openSync(output, "a");
  const clock = systemClock();
  return { priority, logFile: null, output: descriptor, format: "json", clock, ...rest };
}

async function lines(path: string): Promise<readonly Record<string, unknown>[]> {
  const text = await readFile(path, "utf8").catch(() => "");
  const complete = text.split("\n").slice(0, -1);
  return complete.map((line): Record<string, unknown> => JSON.parse(line));
}

test("each channel keeps what is at or above its priority", async (t) => {
  const path = join(await directory(t), "out");
  const log = new LineLog(options(path));
  for (const channel of ["totem", "quorum", "fencing", "services"] as const) {
    for (const level of ["debug", "info", "notice", "err", "emerg"] as const) {
      log.write(channel, level, { text: "x" });
    }
  }
  await until("all are written", async () => (await lines(path)).length === 3 + 4 + 5 + 2);
  const kept = (await lines(path)).map(({ channel, level }) => `${channel} ${level}`);
  t.same(kept.slice(0, 3), ["totem notice", "totem err", "totem emerg"]);
  t.same(kept.slice(-2), ["services err", "services emerg"]);
});

test("priorities and the file change from one line to the next", async (t) => {
  const folder = await directory(t);
  const [path, first, second] = ["out", "first", "second"].map((name) => join(folder, name));
  const log = new LineLog(options(path ?? "", { logFile: first ?? null }));
  log.write("services", "notice", { text: "not yet" });
  log.write("services", "err", { text: "one" });
  await until("the first file has it", async () => (await lines(first ?? "")).length === 1);
  const all = { totem: "notice", quorum: "notice", fencing: "notice", services: "notice" } as const;
  log.reconfigure({ priority: all, logFile: second ?? null });
  log.write("services", "notice", { text: "two" });
  await until("the second file has it", async () => (await lines(second ?? "")).length === 1);
  log.reconfigure({ priority, logFile: null });
  log.write("services", "notice", { text: "not any more" });
  log.write("services", "err", { text: "three" });
  await until("all are written", async () => (await lines(path ?? "")).length === 3);
  const texts = async (file = "") => (await lines(file)).map(({ msg }) => msg);
  t.same(await texts(path), ["one", "two", "three"]);
  t.same([await texts(first), await texts(second)], [["one"], ["two"]]);
});

test("a file that is opened only after the log has left it is closed again", async (t) => {
  const folder = await directory(t);
  const log = new LineLog(options(join(folder, "out"), { logFile: join(folder, "file") }));
  log.reconfigure({ priority, logFile: null });
  const open = () => {
    const paths = readdirSync("/proc/self/fd").map((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return "";
      }
    });
    return paths.includes(join(folder, "file"));
  };
  await until("it was opened", async () => existsSync(join(folder, "file")));
  await until("it is closed", async () => !open());
  t.pass();
});

test("a line is one JSON object with level, time, channel, facts and text", async (t) => {
  const path = join(await directory(t), "out");
  const log = new LineLog(options(path));
  const fields = { failover: { kind: "relocate", phases: [{ phase: "stop", ms: 21 }] } };
  log.write("quorum", "warning", {
    text: "two\nlines",
    facts: { votes: 2, quorate: false },
    fields,
  });
  await until("it is written", async () => (await lines(path)).length === 1);
  const [line] = await lines(path);
  t.match(line, { level: "warning", channel: "quorum", votes: 2, quorate: false, ...fields });
  t.equal(line?.["msg"], "two\nlines");
  t.ok(Math.abs(Date.parse(String(line?.["time"])) - Date.now()) < 60_000);
});

test("with a file the lines go to both places, and a rotated file is opened anew", async (t) => {
  const path = await directory(t);
  const [out, file] = [join(path, "out"), join(path, "file")];
  const log = new LineLog(options(out, { logFile: file }));
  log.write("quorum", "err", { text: "before" });
  await until("it is in both", async () => {
    return (await lines(out)).length === 1 && (await lines(file)).length === 1;
  });
  await rename(file, `${file}.1`);
  log.reopen();
  await until("the new file takes lines", async () => {
    log.write("quorum", "err", { text: "after" });
    return (await lines(file)).length > 0;
  });
  t.match((await lines(`${file}.1`))[0], { msg: "before" });
  t.equal(
    (await lines(file)).some(({ msg }) => msg === "before"),
    false,
  );
});

test("a file that cannot be opened costs no line, and is opened when it can be", async (t) => {
  const path = await directory(t);
  const [out, folder] = [join(path, "out"), join(path, "cluster")];
  const logFile = join(folder, "clusterd.log");
  const log = new LineLog(options(out, { logFile, lookEveryMs: ms(20) }));
  const say = (text: string) => log.write("quorum", "err", { text });
  say("first");
  const said = async (file: string, pattern: RegExp) => {
    return (await lines(file)).some(({ msg }) => pattern.test(String(msg)));
  };
  await until("it is said", () =>
    said(out, /log file .*cluster\/clusterd\.log cannot be opened: .*ENOENT/),
  );
  say("second");
  await mkdir(folder);
  await until("it is open", () => said(logFile, /second/));
  t.ok(await said(logFile, /first/), "what was written before it was there");
  await until("that is said", () => said(out, /is open again/));
  await rename(folder, `${folder}.gone`);
  await until("a vanished folder is said", () => said(out, /go to the file that was open/));
  say("third");
  await until("it goes on", () => said(join(`${folder}.gone`, "clusterd.log"), /third/));
  await mkdir(folder);
  await until("there is a new file", async () => {
    say("fourth");
    return said(logFile, /fourth/);
  });
});

test("the journal hears priorities, and nobody commands a terminal", async (t) => {
  const record = {
    channel: "services",
    priority: "alert",
    wallMs: 0,
    text: "agent: \u001b[2Jgone\n<0>forged\u009b1m",
    facts: { node: 3 },
    fields: { failover: { kind: "relocate" } },
  } as const;
  t.equal(
    formatLogText(record, "journal"),
    "<1>services: agent: \\x1b[2Jgone\n<1>services: <0>forged\\x9b1m (node=3)\n",
  );
  t.equal(
    formatLogText({ ...record, text: "here" }, "text"),
    "1970-01-01T00:00:00.000Z alert services: here (node=3)\n",
  );
});

test("the format follows the reader", async (t) => {
  const path = join(await directory(t), "out");
  const descriptor = openSync(path, "a");
  const { dev, ino } = fstatSync(descriptor);
  const format = (stream: string, isTerminal = false) =>
    formatFor(descriptor, { environment: { JOURNAL_STREAM: stream }, isTerminal });
  t.equal(format(`${dev}:${ino}`), "journal");
  t.equal(format("8:1"), "json", "the variable came from a parent");
  t.equal(format(""), "json");
  t.equal(format("", true), "text");
});

/** A whole program, since the end of a process is what matters. */
function program(mode: string): ChildProcess {
  const path = fileURLToPath(new URL("./log-writer.js", import.meta.url));
  return spawn(process.execPath, [path, mode], { env: {}, stdio: ["pipe", "pipe", "pipe"] });
}

function collect(child: ChildProcess): () => string {
  let text = "";
  child.stdout?.on("data", (bytes: Buffer) => {
    text += bytes.toString();
  });
  return () => text;
}

test("what was flushed survives a kill in the same turn", async (t) => {
  const child = program("flush-and-die");
  const text = collect(child);
  const [, signal] = await once(child, "close");
  t.equal(signal, "SIGKILL");
  t.equal(text().trim().split("\n").length, 200);
});

test("a reader that stops reading never stops the writer; what is lost is counted", async (t) => {
  const child = program("flood");
  const reports: string[] = [];
  child.stderr?.on("data", (bytes: Buffer) => reports.push(...bytes.toString().trim().split("\n")));
  // Nothing is read from standard output until the writer has reported.
  await until("the writer is done", () => reports.length >= 2);
  const worstMs = Number(/worst (\S+)/.exec(reports.join(" "))?.[1]);
  const flushMs = Number(/flush (\S+)/.exec(reports.join(" "))?.[1]);
  t.ok(worstMs < 500, `the slowest call took ${worstMs} ms`);
  t.ok(flushMs < 500, `giving up on the flush took ${flushMs} ms`);
  const text = collect(child);
  await until("the loss is told", () => /log lines were dropped/.test(text()));
  child.kill("SIGKILL");
  await once(child, "close");
  t.pass("told");
});
