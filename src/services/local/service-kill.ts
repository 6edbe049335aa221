/**
 * Ends a service without its scripts: removes its addresses and kills its processes, until all are
 * verified to be gone.
 * Source: none in rgmanager, which knows only stops.
 * Tested in: test/services/service-worker.test.ts, test/services/local-services.test.ts
 */
import type { AgentCall, AgentOrder, AgentReport, AgentVerdict } from "../../model/agent-orders.ts";
import type { ResourceConf, ServiceConf } from "../../model/conf.ts";
import { ms } from "../../model/time.ts";
import { dropAddress } from "../../vip/ip-agent.ts";
import { heldAddress, outlivesProcesses } from "../tree/held-resources.ts";
import { stopOrder } from "../tree/resource-tree.ts";

const killAgainMs = ms(500);

/** `stop` calls the agent of a resource that holds what does not end with its processes. */
export function* killUntilGone(
  conf: ServiceConf,
  stop: (resource: ResourceConf) => AgentCall,
): AgentCall {
  for (;;) {
    const verdict = yield* killOnce(conf, stop);
    if (verdict.code === 0) return { code: 0, text: verdict.text };
    yield { type: "pause", pauseMs: killAgainMs, waitsFor: verdict.text };
  }
}

function* killOnce(conf: ServiceConf, stop: (resource: ResourceConf) => AgentCall): AgentCall {
  // Addresses go first: another node may put them up while a process here still lives.
  yield* dropAddresses(conf);
  const problems: string[] = [];
  const report = yield { type: "kill-processes", service: conf.name };
  if (report.type !== "killed") problems.push("processes cannot be listed");
  else {
    if (report.survivors > 0) problems.push(`${report.survivors} processes survive SIGKILL`);
    if (report.unseen.length > 0) problems.push(`cannot look: ${report.unseen.join(", ")}`);
  }
  // A process may have put an address up again before the kill.
  problems.push(...(yield* dropAddresses(conf)));
  problems.push(...(yield* release(conf, stop)));
  return { code: problems.length === 0 ? 0 : 1, text: problems.join("; ") };
}

function* dropAddresses({
  tree,
}: ServiceConf): Generator<AgentOrder, readonly string[], AgentReport> {
  const problems: string[] = [];
  for (const resource of stopOrder(tree)) {
    const ip = heldAddress(resource);
    if (ip === null) continue;
    const dropped: AgentVerdict = yield* dropAddress(ip);
    if (dropped.code !== 0) problems.push(dropped.text);
  }
  return problems;
}

/** Has the agents release what a kill does not end, such as a mounted file system. */
function* release(
  { tree }: ServiceConf,
  stop: (resource: ResourceConf) => AgentCall,
): Generator<AgentOrder, readonly string[], AgentReport> {
  const problems: string[] = [];
  for (const resource of stopOrder(tree).filter(outlivesProcesses)) {
    const { code, text } = yield* stop(resource);
    if (code !== 0 && code !== 5) problems.push(text);
  }
  return problems;
}
