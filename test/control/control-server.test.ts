import { chmodSync, renameSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { type Test, test } from "tap";
import { controlClient } from "../../src/control/control-client.ts";
import { controlLimits } from "../../src/control/control-limits.ts";
import { startControlServer } from "../../src/control/control-server.ts";
import { parseServiceName } from "../../src/model/ids.ts";
import { exampleService, FakeBackend } from "./fake-backend.ts";
import { type Served, serve, temporarySocket, until } from "./served.ts";

type Raw = { readonly socket: Socket; readonly text: () => string; readonly ended: () => boolean };

function open(t: Test, socketPath: string): Raw {
  const socket = connect(socketPath);
  let text = "";
  let ended = false;
  socket.setEncoding("utf8");
  socket.on("data", (part: string) => {
    text += part;
  });
  socket.on("error", () => {
    ended = true;
  });
  socket.on("close", () => {
    ended = true;
  });
  t.teardown(() => socket.destroy());
  return { socket, text: () => text, ended: () => ended };
}

/** Sends the text and returns all that comes back until the server closes. */
async function exchange(t: Test, socketPath: string, request: string): Promise<string> {
  const raw = open(t, socketPath);
  raw.socket.write(request);
  await until("the end of the reply", raw.ended);
  return raw.text();
}

function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
}

function post(path: string, body: string): string {
  const length = Buffer.byteLength(body);
  return `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n${body}`;
}

function bodyOf(reply: string): unknown {
  return JSON.parse(reply.slice(reply.indexOf("\r\n\r\n")));
}

/** The server still serves: the proof at the end of every attack. */
async function stillServes(t: Test, served: Served): Promise<void> {
  const status = await controlClient(served.socketPath).status(5000);
  t.ok(status.ok, "a following client is served");
}

test("the status is served as JSON, and the connection ends with the reply", async (t) => {
  const { socketPath, backend } = await serve(t);
  const reply = await exchange(t, socketPath, get("/v1/status"));
  t.match(reply, /^HTTP\/1.1 200 OK\r\n/);
  t.match(reply, /content-type: application\/json\r\n/);
  t.same(bodyOf(reply), backend.shown);
});

test("the socket is for its owner and its group alone", async (t) => {
  const { socketPath } = await serve(t);
  t.equal(statSync(socketPath).mode & 0o777, 0o660);
});

test("a request reaches the backend with its target as a node id", async (t) => {
  const { socketPath, backend } = await serve(t);
  backend.reply = { code: 0, owner: 2, text: "Success" };
  const body = '{"target": "node2.example.com"}';
  const reply = await exchange(t, socketPath, post("/v1/services/web/relocate", body));
  t.match(reply, /^HTTP\/1.1 200 OK\r\n/);
  t.same(bodyOf(reply), backend.reply);
  t.same(backend.requests, [
    { service: "service:web", operation: "relocate", target: 2, byDomain: false },
  ]);
});

test("a request that cannot be meant never reaches the backend", async (t) => {
  const { socketPath, backend } = await serve(t);
  const cases: readonly (readonly [string, number, string])[] = [
    [get("/v1/nothing"), 404, "not-found"],
    [get("/v9/status"), 404, "unknown-version"],
    [post("/v1/status", ""), 405, "method-not-allowed"],
    [post("/v1/services/web/enable", "{"), 400, "bad-request"],
    [post("/v1/services/web/enable", '{"targt":"x"}'), 400, "bad-request"],
    [post("/v1/services/web/enable", '{"target":"node9"}'), 400, "unknown-node"],
    [post("/v1/services/web/enable", " ".repeat(64 * 1024 + 1)), 413, "body-too-large"],
    ["\u0000\u0001garbage\r\n\r\n", 400, "bad-request"],
    [`GET /v1/status HTTP/1.1\r\nX: ${"y".repeat(9000)}\r\n\r\n`, 431, "headers-too-large"],
  ];
  for (const [request, status, type] of cases) {
    const reply = await exchange(t, socketPath, request);
    t.equal(reply.slice(0, 12), `HTTP/1.1 ${status}`, `${type}: status`);
    t.match(bodyOf(reply), { error: { type, text: String } }, `${type}: body`);
  }
  t.same(backend.requests, []);
});

test("a wrong method is told which one is right", async (t) => {
  const { socketPath } = await serve(t);
  t.match(await exchange(t, socketPath, post("/v1/status", "")), /\r\nallow: GET\r\n/i);
  t.match(await exchange(t, socketPath, get("/v1/services/a/stop")), /\r\nallow: POST\r\n/i);
});

test("a body of exactly 64 KiB is read", async (t) => {
  const { socketPath, backend } = await serve(t);
  const body = "{}".padEnd(64 * 1024);
  const reply = await exchange(t, socketPath, post("/v1/services/web/stop", body));
  t.match(reply, /^HTTP\/1.1 200/);
  t.equal(backend.requests.length, 1);
});

test("a second request on the same connection is not carried out", async (t) => {
  const { socketPath, backend } = await serve(t);
  const once = post("/v1/services/web/stop", "");
  await exchange(t, socketPath, once + once);
  t.equal(backend.requests.length, 1);
});

test("headers and bodies that never end are given up", async (t) => {
  const served = await serve(t, { headersMs: 100, requestMs: 200 });
  const silent = open(t, served.socketPath);
  const slow = open(t, served.socketPath);
  slow.socket.write("GET /v1/status HTTP/1.1\r\nHost:");
  const unfinished = open(t, served.socketPath);
  unfinished.socket.write("POST /v1/services/web/stop HTTP/1.1\r\nHost: x\r\n");
  unfinished.socket.write("Content-Length: 9\r\n\r\n{");
  await until("the end of all three", () => [silent, slow, unfinished].every((r) => r.ended()));
  t.match(slow.text(), /^HTTP\/1.1 408 /);
  t.match(unfinished.text(), /^HTTP\/1.1 408 /);
  t.same(served.backend.requests, []);
  await stillServes(t, served);
});

test("more than the maximum of connections are turned away", async (t) => {
  const served = await serve(t, { connectionsMax: 3, headersMs: 400 });
  const clients = Array.from({ length: 8 }, () => open(t, served.socketPath));
  await until("five refusals", () => clients.filter((each) => each.ended()).length >= 5);
  t.equal(clients.filter((each) => !each.ended()).length, 3);
  await until("the end of the rest", () => clients.every((each) => each.ended()));
  await stillServes(t, served);
});

test("slow clients, however many, do not keep others out", async (t) => {
  const served = await serve(t);
  const stream = open(t, served.socketPath);
  stream.socket.write(get("/v1/events"));
  await until("the stream", () => stream.text().includes("status"));
  const slow = Array.from({ length: 80 }, () => open(t, served.socketPath));
  for (const [at, { socket }] of slow.entries()) {
    const body = "POST /v1/services/web/stop HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{";
    socket.write(at % 2 === 0 ? "GET /v1/status HTTP/1.1\r\nHost:" : body);
  }
  await until("all are there", () => slow.filter((each) => each.ended()).length >= 17);
  t.match(await exchange(t, served.socketPath, get("/v1/status")), /^HTTP\/1.1 200/);
  t.match(
    await exchange(t, served.socketPath, post("/v1/services/web/stop", "")),
    /^HTTP\/1.1 200/,
  );
  t.notOk(stream.ended(), "a stream stays");
});

test("requests whose clients have gone are carried out, and count until they end", async (t) => {
  const served = await serve(t, { requestsPendingMax: 2 });
  const { backend, socketPath } = served;
  backend.hold();
  for (const count of [1, 2]) {
    const client = open(t, socketPath);
    client.socket.write(post("/v1/services/web/stop", ""));
    await until("the request", () => backend.requests.length === count);
    client.socket.destroy();
  }
  const third = await exchange(t, socketPath, post("/v1/services/web/stop", ""));
  t.match(third, /^HTTP\/1.1 503 /);
  t.match(bodyOf(third), { error: { type: "busy" } });
  backend.release();
  const fourth = await exchange(t, socketPath, post("/v1/services/web/stop", ""));
  t.match(fourth, /^HTTP\/1.1 200 /);
  t.equal(backend.requests.length, 3);
});

test("a request that garbage follows directly is not carried out", async (t) => {
  const { backend, socketPath } = await serve(t);
  const request = `${post("/v1/services/web/stop", "")}\u0000\u0001\r\n\r\n`;
  t.match(await exchange(t, socketPath, request), /^HTTP\/1.1 400 /);
  t.same(backend.requests, []);
});

test("garbage while a request is carried out ends the connection without a reply", async (t) => {
  const { backend, socketPath } = await serve(t);
  backend.hold();
  const client = open(t, socketPath);
  client.socket.write(post("/v1/services/web/stop", ""));
  await until("the request", () => backend.requests.length === 1);
  client.socket.write("\u0000\u0001\r\n\r\n");
  await until("the end", client.ended);
  t.equal(client.text(), "");
});

test("events begin with the status and go on as they happen", async (t) => {
  const { backend, socketPath } = await serve(t);
  const client = open(t, socketPath);
  client.socket.write(get("/v1/events"));
  await until("the subscription", () => backend.listeners.size === 1);
  backend.emit({ type: "service", at: 5, service: exampleService("web") });
  await until("the event", () => client.text().includes('"at":5'));
  const lines = client
    .text()
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line): unknown => JSON.parse(line));
  t.match(lines, [
    { type: "status", status: { localNode: 1 } },
    { type: "service", at: 5, service: { name: "service:web" } },
  ]);
  client.socket.destroy();
  await until("the end of the subscription", () => backend.listeners.size === 0);
});

test("an event client that does not read is cut off", async (t) => {
  const served = await serve(t, { eventBacklogBytesMax: 100_000 });
  const client = open(t, served.socketPath);
  client.socket.pause();
  client.socket.write(get("/v1/events"));
  await until("the subscription", () => served.backend.listeners.size === 1);
  const service = exampleService("web", { waitingFor: "x".repeat(10_000) });
  let sent = 0;
  await until("the cut", () => {
    served.backend.emit({ type: "service", at: 1, service });
    sent += 1;
    return served.backend.listeners.size === 0;
  });
  t.ok(sent < 500, `cut off after ${sent} events of 10 kB`);
  await stillServes(t, served);
});

test("a client that does not take its reply loses its connection", async (t) => {
  const served = await serve(t, { replyMs: 100, connectionsMax: 1 });
  served.backend.shown = {
    ...served.backend.shown,
    services: [exampleService("web", { waitingFor: "x".repeat(5_000_000) })],
  };
  const client = open(t, served.socketPath);
  client.socket.pause();
  client.socket.write(get("/v1/status"));
  let freed = false;
  await until("room for another client", () => {
    const probe = connect(served.socketPath, () => probe.write(get("/v1/nothing")));
    probe.on("data", () => {
      freed = true;
    });
    probe.on("error", () => {});
    return freed;
  });
  t.pass("the only connection was free again");
});

test("a socket nobody serves is replaced", async (t) => {
  const path = temporarySocket(t);
  const first = createServer();
  await new Promise<void>((resolve) => first.listen(path, resolve));
  // Closing the server removes only the name it knows.
  renameSync(path, `${path}.old`);
  await new Promise((resolve) => first.close(resolve));
  renameSync(`${path}.old`, path);
  const started = await startControlServer(options(path));
  t.ok(started.ok);
  if (started.ok) await started.value.close();
});

test("a socket that is served is left alone", async (t) => {
  const served = await serve(t);
  const second = await startControlServer(options(served.socketPath));
  t.match(second, { ok: false, problem: { type: "socket-in-use" } });
  await stillServes(t, served);
});

test("a file that is no socket is left alone", async (t) => {
  const path = temporarySocket(t);
  writeFileSync(path, "precious");
  const started = await startControlServer(options(path));
  t.match(started, { ok: false, problem: { type: "not-a-socket", path } });
});

test("a path that cannot be listened on is a problem with its cause", async (t) => {
  const path = `${temporarySocket(t)}${"x".repeat(120)}`;
  const long = await startControlServer(options(path));
  t.match(long, { ok: false, problem: { type: "listen-failed", path, cause: /107 bytes/ } });
  const nowhere = await startControlServer(options("/nowhere/at/all.sock"));
  t.match(nowhere, { ok: false, problem: { type: "listen-failed", cause: /EACCES|ENOENT/ } });
});

test("closing waits for the replies that are due, but not for clients", async (t) => {
  const { backend, socketPath, server } = await serve(t, { replyMs: 200 });
  backend.hold();
  const waiting = open(t, socketPath);
  waiting.socket.write(post("/v1/services/web/stop", ""));
  await until("the request", () => backend.requests.length === 1);
  const idle = open(t, socketPath);
  const closed = server.close();
  backend.release();
  await closed;
  await until("both ends", () => waiting.ended() && idle.ended());
  t.match(waiting.text(), /^HTTP\/1.1 200 /);
});

test("the client tells an absent daemon from a forbidden and from a silent one", async (t) => {
  const path = temporarySocket(t);
  const absent = await controlClient(path).status(1000);
  const problem = { type: "unreachable", code: "ENOENT", text: "No such file or directory" };
  t.match(absent, { ok: false, problem });

  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(path, resolve));
  t.teardown(() => silent.close());
  const status = await controlClient(path).status(50);
  t.match(status, { ok: false, problem: { type: "timed-out", afterMs: 50 } });

  chmodSync(path, 0);
  const expected = process.getuid?.() === 0 ? "timed-out" : "unreachable";
  t.match(await controlClient(path).status(50), { ok: false, problem: { type: expected } });
});

test("the client names what is wrong with a reply", async (t) => {
  const path = temporarySocket(t);
  let reply = "";
  const odd = createServer((socket) => socket.once("data", () => socket.end(reply)));
  await new Promise<void>((resolve) => odd.listen(path, resolve));
  t.teardown(() => odd.close());
  const service = parseServiceName("web");
  if (service === null) throw new Error("web is a service name");
  const head = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
  const cases: readonly (readonly [string, object])[] = [
    ["", { type: "lost" }],
    ["nonsense\r\n", { type: "lost" }],
    [`${head}<html>`, { type: "malformed", text: /not JSON/ }],
    [`${head}{"code":7,"owner":0,"text":""}`, { type: "malformed", text: /reply.code/ }],
    ["HTTP/1.1 500 Oops\r\n\r\n{}", { type: "refused", text: "HTTP status 500" }],
    ['HTTP/1.1 503 Busy\r\n\r\n{"error":{"text":"later"}}', { type: "refused", text: "later" }],
  ];
  for (const [text, problem] of cases) {
    reply = text;
    const call = { service, operation: "stop", target: null, byDomain: false } as const;
    const result = await controlClient(path).request(call);
    t.match(result, { ok: false, problem }, text);
  }
});

test("the limits are the documented ones", (t) => {
  t.match(controlLimits, { connectionsMax: 64, bodyBytesMax: 65_536, headersMs: 5000 });
  t.end();
});

function options(socketPath: string): Parameters<typeof startControlServer>[0] {
  return { socketPath, backend: new FakeBackend(), notice: () => {} };
}
