import { test } from "tap";
import { requestCodes } from "../../src/control/request-codes.ts";
import {
  exampleNode,
  exampleService,
  exampleStatus,
  type FakeBackend,
} from "../control/fake-backend.ts";
import { serve, temporarySocket } from "../control/served.ts";
import { MemoryFiles } from "./memory-files.ts";

const nodes = [exampleNode(1), exampleNode(2)];

/** A backend whose services stop when that is asked for; `stuck` fails. */
function stopping(backend: FakeBackend, stuck: string | null = null): readonly string[] {
  const asked: string[] = [];
  backend.request = (request) => {
    const { services, ...rest } = backend.shown;
    if (!("service" in request)) {
      asked.push(request.operation);
      backend.shown = { ...backend.shown, locked: request.operation === "lock" };
      return Promise.resolve({ code: requestCodes.success, owner: 0, text: "Success" });
    }
    asked.push(`${request.operation} ${request.service}`);
    if (request.service === stuck) {
      return Promise.resolve({ code: requestCodes.aborted, owner: 0, text: "stop failed" });
    }
    const stopped = { state: "stopped", owner: 0 } as const;
    const left = services?.map((one) =>
      one.name === request.service ? { ...one, ...stopped } : one,
    );
    backend.shown = { ...rest, services: left ?? null };
    return Promise.resolve({ code: requestCodes.success, owner: 0, text: "Success" });
  };
  return asked;
}

const services = [
  exampleService("a"),
  exampleService("b", { owner: 2 }),
  exampleService("c", { state: "disabled", owner: 0 }),
];

test("services are locked and stopped one by one, then all members leave", async (t) => {
  const { socketPath, backend } = await serve(t);
  backend.shown = exampleStatus({ nodes, services });
  const asked = stopping(backend);
  const { out, err, exit } = await new MemoryFiles().ccsAt(socketPath, "--stopall", "--nodisable");
  t.same([err, exit], ["", 0]);
  t.match(out, /^service:a is stopped\nservice:b is stopped\nall services are stopped; /);
  t.match(out, /node1.example.com, node2.example.com leave\nclusterd has left on this node/);
  t.same(asked, ["lock", "stop service:a", "stop service:b"]);
  t.equal(backend.farewells.length, 1);
});

test("nobody leaves when a service does not stop, is frozen, or quorum is missing", async (t) => {
  const { socketPath, backend } = await serve(t);
  const files = new MemoryFiles();
  backend.shown = exampleStatus({ nodes, services });
  stopping(backend, "service:b");
  t.match(await files.ccsAt(socketPath, "--stopall"), {
    out: "service:a is stopped\n",
    err: /service:b does not stop: stop failed\n.*no member has left; .*--startall\n$/,
    exit: 1,
  });
  backend.shown = exampleStatus({ nodes, services: [exampleService("a", { frozen: true })] });
  t.match(await files.ccsAt(socketPath, "--stopall"), {
    err: /service:a frozen: unfreeze/,
    exit: 1,
  });
  backend.shown = exampleStatus({ nodes, services: null });
  t.match(await files.ccsAt(socketPath, "--stopall"), {
    err: /no quorum.*\n.*cman_tool-ts leave -w/,
  });
  backend.shown = exampleStatus({ nodes, services: [] });
  stopping(backend);
  backend.answer = { accepted: false, text: "a service runs" };
  t.match(await files.ccsAt(socketPath, "--stopall"), { err: /a service runs\n.*no member has/ });
  const nowhere = await files.ccsAt(temporarySocket(t), "--stopall");
  t.match(nowhere, { err: /no clusterd answers here/, exit: 1 });
});

test("startall unlocks the services, and says where clusterd must be started", async (t) => {
  const { socketPath, backend } = await serve(t);
  const files = new MemoryFiles();
  const asked = stopping(backend);
  backend.shown = exampleStatus({ nodes, services, locked: true });
  t.match(await files.ccsAt(socketPath, "--startall"), { out: /are unlocked/, err: "", exit: 0 });
  t.same(asked, ["unlock"]);
  t.same(await files.ccsAt(socketPath, "--startall"), { out: "", err: "", exit: 0 });
  const absent = exampleNode(3, { online: false });
  backend.shown = exampleStatus({ nodes: [...nodes, absent], services });
  t.match(await files.ccsAt(socketPath, "--startall"), {
    err: "ccs-ts: node3.example.com is no member; there: systemctl start clusterd\n",
    exit: 1,
  });
  const named = ["n1", "n2"].map((name) => `<clusternode name="${name}"/>`).join("");
  const file = `<cluster><clusternodes>${named}</clusternodes></cluster>`;
  const words = ["-f", "c.conf", "--startall"];
  t.match(await new MemoryFiles(file).ccsAt(temporarySocket(t), ...words), {
    err: /no clusterd answers on this node\n.*; on n1, n2: systemctl start clusterd\n$/,
    exit: 1,
  });
});
