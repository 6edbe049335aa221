/** What an operator is told who gives the daemon too little, or asks for what cannot be. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "tap";
import { serviceReplyText } from "../../src/life/operator-replies.ts";
import { parseServiceName } from "../../src/model/ids.ts";
import { refused } from "../../src/model/request-outcome.ts";
import { exampleService, exampleStatus } from "../control/fake-backend.ts";
import { run } from "../netns/child.ts";

const program = join(dirname(fileURLToPath(import.meta.url)), "../../../bin/clusterd");

test("too few descriptors are said in one line, without a stack", async (t) => {
  const words = `ulimit -n 64; exec ${program} --check -c /nowhere`;
  const env = { PATH: process.env["PATH"] };
  const end = await run(["sh", "-c", words], { env, timeoutMs: 20_000 });
  t.match(end, { code: 1, stderr: /^clusterd: only 64 files may be open .*LimitNOFILE=.*\n$/ });
});

test("a service that may not run where it is asked for says why", async (t) => {
  const service = parseServiceName("web");
  if (service === null) throw new Error("no name");
  const candidates = [
    { node: 1, fit: false, reason: "not allowed by its failover domain, 0 services" },
    { node: 2, fit: true, reason: "best, 0 services" },
  ];
  const decisions = [{ at: 1, text: "stopped: no node could start it", nodes: [] }];
  const status = exampleStatus({ services: [exampleService("web", { candidates, decisions })] });
  const order = { service, operation: "enable", target: null } as const;
  const text = serviceReplyText(refused("start-node-not-legal"), order, {
    ...status,
    localNode: 1,
  });
  t.match(text, /^node1\.example\.com cannot run it: not allowed by its failover domain/);
  t.equal(
    serviceReplyText(refused("start-node-not-legal"), order, { ...status, localNode: 2 }),
    "stopped: no node could start it",
  );
  t.equal(serviceReplyText(refused("unknown-service"), order, status), "Service does not exist");
});
