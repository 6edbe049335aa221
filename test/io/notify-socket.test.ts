/** Messages to a service supervisor, by koffi and by systemd-notify. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Test, test } from "tap";
import { NotifySocket } from "../../src/io/host/notify-socket.ts";
import { findTool } from "../../src/io/processes/system-command.ts";
import { loadSystemCalls } from "../../src/io/system-calls.ts";
import { listenerCommand, listenerProblem } from "./notify-listener.ts";
import { until } from "./waiting.ts";

const skip = listenerProblem() ?? false;
const loaded = await loadSystemCalls();
const calls = loaded.ok ? loaded.value : null;
const noCalls = skip || (loaded.ok ? false : loaded.problem);
const noTool = skip || ((await findTool("systemd-notify")) === null && "no systemd-notify");
const never = (text: string): void => {
  throw new Error(text);
};

async function listen(t: Test, address: string): Promise<() => readonly string[]> {
  const [command, ...rest] = listenerCommand(address);
  const child = spawn(command, rest, { stdio: ["ignore", "pipe", "inherit"] });
  t.teardown(() => child.kill());
  let heard = "";
  child.stdout.on("data", (bytes: Buffer) => {
    heard += bytes.toString();
  });
  await until("it listens", () => heard.startsWith("listening\n"));
  return () => heard.split("\n").slice(1, -1);
}

function socketPath(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), "notify-"));
  t.teardown(() => rmSync(directory, { recursive: true }));
  return join(directory, "socket");
}

async function opened(address: string, means: typeof calls): Promise<NotifySocket> {
  const socket = await NotifySocket.open({ address, calls: means, onProblem: never });
  if (!socket.ok) throw new Error(socket.problem);
  return socket.value;
}

test("messages arrive whole and in order, at a path", { skip: noCalls }, async (t) => {
  const address = socketPath(t);
  const heard = await listen(t, address);
  const socket = await opened(address, calls);
  socket.say("READY=1", "STATUS=quorate");
  for (let number = 0; number < 500; number += 1) socket.say(`STATUS=${number}`);
  await until("all have arrived", () => heard().length === 501);
  t.equal(heard()[0], "'READY=1\\nSTATUS=quorate'");
  t.same(
    heard().slice(1),
    Array.from({ length: 500 }, (_, number) => `'STATUS=${number}'`),
  );
});

test("messages arrive at an abstract name", { skip: noCalls }, async (t) => {
  const address = `@clusterd-notify-test-${process.pid}`;
  const heard = await listen(t, address);
  (await opened(address, calls)).say("READY=1");
  await until("it has arrived", () => heard().length === 1);
  t.same(heard(), ["'READY=1'"]);
});

test("without koffi systemd-notify carries them, in order", { skip: noTool }, async (t) => {
  const address = socketPath(t);
  const heard = await listen(t, address);
  const socket = await opened(address, null);
  socket.say("READY=1", "STATUS=two words");
  socket.say("STOPPING=1");
  await until("all have arrived", () => heard().some((line) => line.includes("STOPPING")));
  t.match(heard()[0], /READY=1\\nSTATUS=two words/);
});

test("an address that nobody can reach is refused, a deaf one told of once", async (t) => {
  const open = (address: string) => NotifySocket.open({ address, calls, onProblem: never });
  t.match(await open("vsock:2:1234"), { ok: false, problem: /neither a path nor/ });
  t.match(await open(`/${"x".repeat(120)}`), { ok: false, problem: /too long/ });
  const problems: string[] = [];
  const onProblem = (text: string): void => {
    problems.push(text);
  };
  const deaf = await NotifySocket.open({ address: "/nonexistent/socket", calls, onProblem });
  if (!deaf.ok) return;
  deaf.value.say("READY=1");
  deaf.value.say("STATUS=x");
  await until("it is told", () => problems.length > 0);
  t.equal(problems.length, 1);
});
