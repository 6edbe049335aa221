import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "tap";
import { clustat } from "../../src/cli/clustat.ts";
import { version } from "../../src/model/version.ts";
import { exampleService, exampleStatus } from "../control/fake-backend.ts";
import { serve, temporarySocket, until } from "../control/served.ts";
import { call } from "./fake-terminal.ts";
import { sameAsGolden } from "./golden-file.ts";
import { run, start } from "./spawned.ts";

const bin = fileURLToPath(new URL("../../../bin/", import.meta.url));

test("the daemon's status is printed, by option or by environment", async (t) => {
  const { socketPath } = await serve(t);
  const byOption = await run("clustat-ts", ["--socket", socketPath]);
  sameAsGolden(t, "clustat/example-80.txt", byOption.out);
  t.match(byOption, { err: "", exit: 0 });
  const byName = await run("clustat-ts", [], { CLUSTERD_SOCKET: socketPath });
  t.same(byName, byOption);
});

test("the launcher works through a chain of symbolic links", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "clusterd-"));
  t.teardown(() => rmSync(directory, { recursive: true }));
  symlinkSync(`${bin}clustat-ts`, join(directory, "one"));
  symlinkSync("one", join(directory, "clustat"));
  t.match(await run(join(directory, "clustat"), ["-v"]), { out: /version/, exit: 0 });
});

test("every option prints and exits as clustat does", async (t) => {
  const { socketPath, backend } = await serve(t);
  const stopped = { owner: 0, lastOwner: 1 };
  backend.shown = exampleStatus({
    services: [
      exampleService("up"),
      exampleService("down", { state: "stopped", ...stopped }),
      exampleService("off", { state: "disabled", ...stopped }),
      exampleService("broken", { state: "failed", ...stopped }),
    ],
  });
  const cases: readonly (readonly [readonly string[], number, RegExp, RegExp])[] = [
    [["-s", "up"], 0, /^ Service Name.*\n.*\n service:up .* started {7}\n$/, /^$/],
    [["-sservice:up"], 0, /service:up/, /^$/],
    [["-s", "down"], 110, /\(node1.example.com\) +stopped/, /^$/],
    [["-s", "off"], 119, /disabled/, /^$/],
    [["-s", "broken"], 114, /failed/, /^$/],
    [["-s", "nothing"], 255, /^$/, /^$/],
    [["-x", "-s", "nothing"], 0, /<groups>\n {2}<\/groups>/, /^$/],
    [["-m", "node1.example.com"], 0, /1 Online, Local\n$/, /^$/],
    [["-m", "node3.example.com"], 1, /3 Offline\n$/, /^$/],
    [["-m", "node9"], 255, /^$/, /^$/],
    [["-xm", "node9"], 0, /<nodes>\n {2}<\/nodes>/, /^$/],
    [["-m", "node3.example.com", "-s", "up"], 1, /3 Offline\n$/, /^$/],
    [["-l"], 0, /Service Name {6}: service:up\n {2}Current State {3}: started \(112\)/, /^$/],
    [["-x"], 0, /^<\?xml version="1.0"\?>\n<clustat version="4.1.1">\n/, /^$/],
    [["-f"], 0, /^Cluster Status for qpid-test/, /^$/],
    [["-I"], 0, /^0x00000001\n$/, /^$/],
    [["-Q"], 0, /^$/, /^$/],
    [["-I", "-Q"], 0, /^$/, /^$/],
    [["--json"], 0, /"configVersion": 3/, /^$/],
    [["--json", "-s", "up"], 1, /^$/, /--json shows everything/],
    [["--why", "up"], 0, /^service:up is started on node1.example.com\n/, /^$/],
    [["--why", "nothing"], 255, /^$/, /Service does not exist: service:nothing/],
    [["-i", "2", "-x"], 1, /^Error: Options '-i' and '-x' are mutually exclusive\n$/, /^$/],
    [["-v"], 0, new RegExp(`^clustat version ${version}\\n$`), /^$/],
    [["-h"], 0, /^usage: clustat-ts/, /^$/],
    [["-?"], 0, /^usage: clustat-ts/, /^$/],
    [["-z"], 1, /^$/, /^clustat-ts: invalid option -- 'z'\nusage/],
    [["up"], 1, /^$/, /unexpected 'up'/],
  ];
  for (const [words, exit, out, err] of cases) {
    const outcome = await call(clustat, words, socketPath);
    t.match(outcome, { exit, out, err }, words.join(" "));
    const telling = words[0] === "-s" || words[0] === "-z";
    if (!telling) continue;
    t.same(await run("clustat-ts", words, { CLUSTERD_SOCKET: socketPath }), outcome, "spawned");
  }
});

test("the JSON form is the status itself", async (t) => {
  const { socketPath, backend } = await serve(t);
  const { out } = await run("clustat-ts", ["--json", "--socket", socketPath]);
  t.same(JSON.parse(out), backend.shown);
});

test("without quorum -Q exits 1 and the states are said to need it", async (t) => {
  const { socketPath, backend } = await serve(t);
  const quorum = { ...exampleStatus().quorum, quorate: false };
  backend.shown = exampleStatus({ quorum, services: null });
  t.same(await call(clustat, ["-Q"], socketPath), { out: "", err: "", exit: 1 });
  const text = /^Service states unavailable: Operation requires quorum\n(.*\n)Member Status: Inq/;
  t.match(await call(clustat, [], socketPath), { out: text, exit: 0 });
});

test("a daemon that is not there is named with the socket", async (t) => {
  const socketPath = temporarySocket(t);
  for (const words of [[], ["-s", "web"], ["-x"], ["-Q"], ["-I"]]) {
    const outcome = await call(clustat, words, socketPath);
    const err = /^Could not connect to CMAN: No such file or directory\nclustat-ts: no clusterd/;
    t.match(outcome, { out: "", err, exit: 1 });
    t.ok(outcome.err.includes(socketPath));
  }
});

test("a program that answers but is not clusterd is an error", async (t) => {
  const socketPath = temporarySocket(t);
  const stranger = createServer((socket) => socket.end("HTTP/1.1 200 OK\r\n\r\n{}\r\n"));
  await new Promise<void>((resolve) => stranger.listen(socketPath, resolve));
  t.teardown(() => stranger.close());
  const outcome = await run("clustat-ts", ["--socket", socketPath]);
  t.match(outcome, { out: "", err: /status.cluster is not an object/, exit: 1 });
});

test("-i repeats until it is told to stop, also while the daemon is away", async (t) => {
  const { socketPath, server } = await serve(t);
  const watch = start("clustat-ts", ["-i", "0", "--socket", socketPath]);
  await until("two reports", () => watch.out().split("Cluster Status").length > 2);
  await server.close();
  let complaint = "";
  watch.child.stderr?.on("data", (part: string) => {
    complaint += part;
  });
  await until("a complaint", () => complaint.includes("Could not connect"));
  watch.child.kill("SIGTERM");
  const outcome = await watch.outcome;
  t.equal(outcome.exit, 1, "the exit code is that of the last report");
  t.notMatch(outcome.out, "\u001b", "a file is not sprinkled with screen control");
});

test("a reader that leaves early is no failure", async (t) => {
  const { socketPath, backend } = await serve(t);
  const services = Array.from({ length: 4000 }, (_, index) => exampleService(`s${index}`));
  backend.shown = exampleStatus({ services });
  const piped = start("/bin/sh", ["-c", `"${bin}clustat-ts" | head -n 1; echo end`], {
    CLUSTERD_SOCKET: socketPath,
  });
  const { out, err, exit } = await piped.outcome;
  t.match({ out, err, exit }, { out: /^Cluster Status.*\nend\n$/, err: "", exit: 0 });
});

test("the version is the package's", (t) => {
  const text = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  t.match(JSON.parse(text), { version });
  t.end();
});
