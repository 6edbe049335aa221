/** The real ss(8), on connections of a network namespace. */
import { connect, createServer, type Socket } from "node:net";
import { test } from "tap";
import { SsConnections } from "../../src/io/network/tcp-connections.ts";
import { accept, refuse } from "../../src/model/outcome.ts";
import { inNamespace, insideNamespace, ip, namespaceProblem } from "./namespace.ts";

if (!insideNamespace()) {
  const problem = namespaceProblem();
  test("ending connections", { skip: problem ?? false }, async (t) => {
    await t.spawn(...inNamespace(import.meta.url, "in a namespace"));
  });
} else {
  ip("link set lo up");
  ip("addr add 10.0.0.9/32 dev lo");
  ip("addr add fd00::9/128 dev lo");
  test("connections with a host are ended, and others stay", async (t) => {
    const { port, sockets, close } = await serving(["10.0.0.9", "fd00::9", "127.0.0.1"]);
    const [four, six, other] = sockets;
    const tool = new SsConnections();
    const elsewhere = await tool.end({ addresses: ["10.0.0.9"], ports: [port + 1] });
    t.same(elsewhere, accept(0));
    const ended = await tool.end({ addresses: ["10.0.0.9", "fd00::9"], ports: [port, 1] });
    t.ok(ended.ok && ended.value >= 2, JSON.stringify(ended));
    await Promise.all([four?.ended, six?.ended]);
    t.equal(other?.socket.destroyed, false);
    const again = await tool.end({ addresses: ["10.0.0.9", "fd00::9"], ports: [port] });
    t.same(again, accept(0));
    close();
  });
  test("whether anybody accepts a connection", async (t) => {
    const { port, close } = await serving([]);
    const tool = new SsConnections();
    const of = (addresses: readonly string[], ports: readonly number[]) =>
      tool.answers({ addresses, ports }, 10_000);
    t.equal(await of(["10.0.0.9", "fd00::9"], [port]), true);
    t.equal(await of(["10.0.0.9"], [1]), false, "refused");
    t.equal(await of([], [port]), false);
    ip("route add blackhole 10.0.0.77/32");
    t.equal(await tool.answers({ addresses: ["10.0.0.77"], ports: [port] }, 50), false);
    close();
  });
  test("what the tool cannot end it says", async (t) => {
    const run = async (_program: string, words: readonly string[]) =>
      accept(words.includes("-K") ? "" : "ESTAB 0 0 10.0.0.1:5672 10.0.0.9:4711\n");
    const ended = await new SsConnections(run).end({ addresses: ["10.0.0.9"], ports: [5672] });
    t.match(ended, { ok: false, problem: /^1 of its connections remain: .*CAP_NET_ADMIN/ });
    const broken = async () => refuse({ code: 255, output: "", cause: "Cannot open netlink" });
    const failed = await new SsConnections(broken).end({ addresses: ["10.0.0.9"], ports: [5672] });
    t.same(failed, refuse("Cannot open netlink"));
  });
  test("names are resolved, and unknown ones have no address", async (t) => {
    const tool = new SsConnections();
    t.same(await tool.resolve("10.0.0.9"), ["10.0.0.9"]);
    t.same(await tool.resolve("no-such-host.invalid"), []);
  });
}

type Client = { readonly socket: Socket; readonly ended: Promise<void> };

async function serving(hosts: readonly string[]): Promise<{
  readonly port: number;
  readonly sockets: readonly Client[];
  readonly close: () => void;
}> {
  const served: Socket[] = [];
  const server = createServer((socket) => {
    served.push(socket);
    socket.on("error", () => undefined);
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(0, "::", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
  const sockets = await Promise.all(hosts.map((host) => client(host, port)));
  const close = (): void => {
    for (const socket of [...served, ...sockets.map((one) => one.socket)]) socket.destroy();
    server.close();
  };
  return { port, sockets, close };
}

function client(host: string, port: number): Promise<Client> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host);
    socket.once("error", reject);
    const ended = new Promise<void>((done) => socket.on("close", () => done()));
    socket.once("connect", () => {
      socket.off("error", reject);
      socket.on("error", () => undefined);
      resolve({ socket, ended });
    });
  });
}
