import { chmodSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "tap";
import { clusvcadm, noticePace } from "../../src/cli/clusvcadm.ts";
import { requestCodes, requestText } from "../../src/control/request-codes.ts";
import { version } from "../../src/model/version.ts";
import { exampleService, exampleStatus } from "../control/fake-backend.ts";
import { serve, temporarySocket, until } from "../control/served.ts";
import { call, fakeTerminal } from "./fake-terminal.ts";
import { type Outcome, run } from "./spawned.ts";

const launcher = fileURLToPath(new URL("../../../bin/clusvcadm-ts", import.meta.url));
const node2 = "node2.example.com";

function local(words: readonly string[], socketPath: string): Promise<Outcome> {
  return call((each, terminal) => clusvcadm(each, terminal, noticePace), words, socketPath);
}

test("every operation prints its own head and reaches the daemon", async (t) => {
  const { socketPath, backend } = await serve(t);
  const cases: readonly (readonly [readonly string[], string, object])[] = [
    [
      ["-e", "web"],
      "Local machine trying to enable service:web...Success\n" +
        "service:web is now running on node1.example.com\n",
      { operation: "enable", target: null, byDomain: false },
    ],
    [
      ["-F", "-e", "web"],
      "Local machine trying to enable service:web...Success\n" +
        "service:web is now running on node1.example.com\n",
      { operation: "enable", target: null, byDomain: true },
    ],
    [
      ["-m", "node1.example.com", "-e", "web"],
      "Member node1.example.com trying to enable service:web...Success\n" +
        "service:web is now running on node1.example.com\n",
      { operation: "enable", target: 1 },
    ],
    [
      ["-e", "web", "-n", node2],
      `Member ${node2} trying to enable service:web...Success\n` +
        "Warning: service:web is now running on node1.example.com\n",
      { operation: "enable", target: 2 },
    ],
    [["-d", "web"], "Local machine disabling service:web...Success\n", { operation: "disable" }],
    [["-s", "vm:a"], "Local machine stopping vm:a...Success\n", { service: "vm:a" }],
    [
      ["-R", "web", "-m", node2],
      `Member ${node2} trying to restart service:web...Success\n`,
      { operation: "restart" },
    ],
    [
      ["-r", "web"],
      "Trying to relocate service:web...Success\n" +
        "service:web is now running on node1.example.com\n",
      { operation: "relocate", target: null },
    ],
    [
      ["-r", "web", "-m", "node3.example.com"],
      "Trying to relocate service:web to node3.example.com...Success\n" +
        "Warning: service:web is now running on node1.example.com\n",
      { operation: "relocate", target: 3 },
    ],
    [
      ["-e", "a", "-d", "b"],
      "Local machine disabling service:b...Success\n",
      { operation: "disable" },
    ],
    [["-Z", "web"], "Local machine freezing service:web...Success\n", { operation: "freeze" }],
    [
      ["-U", "web", "-m", node2],
      `Member ${node2} unfreezing service:web...Success\n`,
      { operation: "unfreeze" },
    ],
    [["-c", "a"], "Local machine convalescing service:a...Success\n", { service: "service:a" }],
    [["-q", "-d", "web"], "", { operation: "disable" }],
    [["-d", "web", "-F"], "Local machine disabling service:web...Success\n", { byDomain: false }],
  ];
  for (const [words, out, request] of cases) {
    const outcome = await local(words, socketPath);
    t.same(outcome, { out, err: "", exit: 0 }, words.join(" "));
    t.match(backend.requests.at(-1), request, words.join(" "));
  }
  t.equal(backend.requests.length, cases.length);
});

test("a relocation is forced with -F, with a target as well", async (t) => {
  const { socketPath, backend } = await serve(t);
  for (const words of [["-F"], ["-F", "-m", "node3.example.com"]]) {
    t.match(await local(["-r", "web", ...words], socketPath), { err: "", exit: 0 });
  }
  const forced = { operation: "relocate", byDomain: true } as const;
  t.match(backend.requests, [
    { ...forced, target: null },
    { ...forced, target: 3 },
  ]);
});

test("a migration names its target, and reaches the daemon like the rest", async (t) => {
  const { socketPath, backend } = await serve(t);
  const out = `Trying to migrate vm:a to ${node2}...Success\n`;
  t.same(await local(["-M", "vm:a", "-m", node2], socketPath), { out, err: "", exit: 0 });
  t.match(backend.requests, [{ operation: "migrate", service: "vm:a", target: 2 }]);
});

test("locks are set, released and shown at once, whatever else is asked", async (t) => {
  const { socketPath, backend } = await serve(t);
  const locked = "Resource groups locked\n";
  const unlocked = "Resource groups unlocked\n";
  const cases: readonly (readonly [readonly string[], string])[] = [
    [["-l"], locked],
    [["-u", "-e", "web"], unlocked],
    [["-S"], unlocked],
    [["-d", "web", "-l"], locked],
    [["-q", "-u"], ""],
  ];
  for (const [words, out] of cases) {
    t.same(await local(words, socketPath), { out, err: "", exit: 0 }, words.join(" "));
  }
  const asked = ["lock", "unlock", "lock", "unlock"].map((operation) => ({ operation }));
  t.same(backend.requests, asked);
  backend.shown = exampleStatus({ locked: true });
  t.same(await run("clusvcadm-ts", ["-S", "--socket", socketPath]), {
    out: locked,
    err: "",
    exit: 0,
  });
});

test("a lock that fails says which operation and why", async (t) => {
  const { socketPath, backend } = await serve(t);
  backend.reply = { code: requestCodes.noQuorum, owner: 0, text: "Operation requires quorum" };
  backend.shown = exampleStatus({ services: null });
  const why = { err: /^clusvcadm-ts: .*(quorum|try again)\n$/, exit: 1 };
  t.match(await local(["-l"], socketPath), { out: "Lock operation failed\n", ...why });
  t.match(await local(["-u"], socketPath), { out: "Unlock operation failed\n", ...why });
  t.match(await local(["-S"], socketPath), { out: "Query operation failed\n", ...why });
  const absent = temporarySocket(t);
  t.match(await local(["-S"], absent), {
    out: "Query operation failed\n",
    err: /no clusterd answers/,
    exit: 1,
  });
});

test("every result has its text and its exit code", async (t) => {
  const { socketPath, backend } = await serve(t);
  const exits: Record<number, number> = { [0]: 0, [-10]: 0, [-1]: 255, [-8]: 248, [-19]: 237 };
  for (const code of Object.values(requestCodes)) {
    const text = requestText(code);
    backend.reply = { code, owner: 0, text };
    const out = `Local machine trying to enable service:web...${text}\n`;
    const expected = { out, err: "", exit: exits[code] ?? 256 + code };
    t.same(await local(["-e", "web"], socketPath), expected, `${code}`);
    if (exits[code] === undefined) continue;
    const spawned = await run("clusvcadm-ts", ["-e", "web", "--socket", socketPath]);
    t.same(spawned, expected, `${code}, as a process`);
  }
});

test("what the daemon says beyond the result goes to standard error", async (t) => {
  const { socketPath, backend } = await serve(t);
  const text = "service:web: node2 is not in its restricted domain";
  backend.reply = { code: requestCodes.notRunnable, owner: 1, text };
  t.same(await run("clusvcadm-ts", ["-r", "web", "--socket", socketPath]), {
    out: "Trying to relocate service:web...Service not runnable\n",
    err: `clusvcadm-ts: ${text}\n`,
    exit: 241,
  });
});

test("an impossible request ends before the daemon is asked", async (t) => {
  const { socketPath, backend } = await serve(t);
  const both = /^Cannot use '-F' with '-n' or '-m'\n$/;
  const cases: readonly (readonly [readonly string[], number, RegExp, RegExp])[] = [
    [[], 1, /^usage: clusvcadm-ts/, /^$/],
    [["-h"], 1, /^usage: clusvcadm-ts/, /^$/],
    [["-?"], 1, /^usage: clusvcadm-ts/, /^$/],
    [["-m", node2], 1, /^usage/, /^$/],
    [["-q"], 1, /^$/, /^$/],
    [["-k"], 1, /^$/, /invalid option -- 'k'\nusage/],
    [["-e"], 1, /^$/, /option requires an argument -- 'e'/],
    [["-v"], 0, new RegExp(`^${version}\\n$`), /^$/],
    [["-e", "web", "-F", "-m", node2], 1, /^$/, both],
    [["-n", node2, "-F", "-e", "web"], 1, /^$/, both],
    [["-M", "vm:a"], 1, /^Migration requires a target cluster member\n$/, /^$/],
    [["-M", "vm:a", "-m", "node3.example.com"], 1, /^'node3.example.com' is offline\n$/, /^$/],
    [["-r", "web", "-m", "node"], 1, /^'node' not in membership list\n$/, /^$/],
  ];
  for (const [words, exit, out, err] of cases) {
    const outcome = await local(words, socketPath);
    t.match(outcome, { exit, out, err }, words.join(" "));
  }
  t.same(backend.requests, []);
});

test("a name that no service can have does not exist", async (t) => {
  const { socketPath } = await serve(t);
  const name = "x".repeat(60);
  const outcome = await run("clusvcadm-ts", ["-d", name, "--socket", socketPath]);
  const out = `Local machine disabling service:${name}...Service does not exist\n`;
  t.match(outcome, { out, exit: 252 });
});

test("who may not use the socket is denied permission", async (t) => {
  const { socketPath } = await serve(t);
  chmodSync(dirname(socketPath), 0o755);
  const nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "--"];
  const possible = await run("/usr/bin/env", ["setpriv", ...nobody, launcher, "-v"]);
  if (possible.exit !== 0) {
    t.pass("not tried", { skip: "needs root, setpriv and a tree that others may read" });
    return;
  }
  const words = [...nobody, launcher, "-d", "web", "--socket", socketPath];
  t.same(await run("/usr/bin/env", ["setpriv", ...words]), {
    out: "Local machine disabling service:web...Permission denied\n",
    err: "",
    exit: 238,
  });
});

test("a daemon that is not there is an error with its socket", async (t) => {
  const socketPath = temporarySocket(t);
  t.match(await run("clusvcadm-ts", ["-e", "web", "--socket", socketPath]), {
    out: "Could not connect to cluster service\n",
    err: new RegExp(`^clusvcadm-ts: no clusterd answers at ${socketPath}: No such file`),
    exit: 1,
  });
});

test("a daemon that goes before the result is not mistaken for a success", async (t) => {
  const { socketPath, backend, server } = await serve(t, { replyMs: 50 });
  backend.hold();
  const outcome = run("clusvcadm-ts", ["-d", "web", "--socket", socketPath]);
  await until("the request", () => backend.requests.length === 1);
  await server.close();
  t.match(await outcome, {
    out: "Local machine disabling service:web...",
    err: /the connection ended before the reply/,
    exit: 1,
  });
});

test("a long wait is explained on standard error, again and again", async (t) => {
  const { socketPath, backend } = await serve(t);
  const waitingFor = "fencing of node2.example.com";
  const services = [exampleService("web", { state: "stopping", waitingFor })];
  backend.shown = exampleStatus({ services });
  backend.hold();
  const heard = fakeTerminal();
  const pace = { firstMs: 1, everyMs: 2 };
  const exit = clusvcadm(["-d", "web", "--socket", socketPath], heard.terminal, pace);
  await until("three notices", () => heard.err().split("\n").length > 3);
  const notice = `service:web is stopping on node1.example.com, waiting for ${waitingFor}`;
  t.match(heard.err(), new RegExp(`^clusvcadm-ts: waiting since \\d+ s: ${notice}\n`));
  backend.shown = exampleStatus({ services: null });
  await until("the news", () => heard.err().includes("Service states unavailable: Temporary"));
  backend.shown = exampleStatus({ services: [] });
  await until("the end of the service", () => heard.err().includes("is not configured"));
  backend.release();
  t.equal(await exit, 0);
  t.equal(heard.out(), "Local machine disabling service:web...Success\n");
});

test("a daemon that hangs is named while the request waits", async (t) => {
  const socketPath = temporarySocket(t);
  const status = `${JSON.stringify(exampleStatus())}\n`;
  const calls: Socket[] = [];
  const hanging = createServer((socket) => {
    calls.push(socket);
    if (calls.length === 1) socket.end(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${status}`);
    else if (calls.length > 2) socket.end();
  });
  await new Promise<void>((resolve) => hanging.listen(socketPath, resolve));
  t.teardown(() => hanging.close());
  const heard = fakeTerminal();
  const pace = { firstMs: 20, everyMs: 20 };
  const exit = clusvcadm(["-d", "web", "--socket", socketPath], heard.terminal, pace);
  await until("a notice", () => heard.err().includes("the daemon: the connection ended"));
  t.equal(heard.out(), "Local machine disabling service:web...");
  for (const socket of calls) socket.destroy();
  t.equal(await exit, 1);
});
