/**
 * What operators are told of their orders: whether they are accepted, and why not.
 * Tested in: test/daemon/start-limits.test.ts
 */
import type { LeaveBody } from "../control/protocol.ts";
import { outcomeText, saysOnlyFailure } from "../control/request-codes.ts";
import type { Acceptance } from "../model/acceptance.ts";
import type { QuorumConf } from "../model/conf.ts";
import type { NodeId, ServiceName } from "../model/ids.ts";
import type { RequestOutcome } from "../model/request-outcome.ts";
import type { ServiceOperation } from "../model/service-operation.ts";
import type { ClusterStatus } from "../model/status.ts";

/** The answer of a node that has no life at the moment. */
export const notMember: Acceptance = { accepted: false, text: "this node is not a member" };

const aboutBrokers: readonly string[] = ["no-promotable-broker", "broker-not-promotable"];

type ServiceOrder = {
  readonly service: ServiceName;
  readonly operation: ServiceOperation;
  readonly target: NodeId | null;
};

/**
 * The text of the outcome; if that says only that it failed, the reason on the node that was asked.
 */
export function serviceReplyText(
  outcome: RequestOutcome,
  order: ServiceOrder,
  status: ClusterStatus,
): string {
  const service = status.services?.find(({ name }) => name === order.service);
  if (outcome.type !== "done" && aboutBrokers.includes(outcome.why)) {
    const why = service?.decisions.at(-1)?.text ?? "";
    const force = order.operation === "relocate" ? "; -F relocates it nevertheless" : "";
    return `${outcomeText(outcome)}: ${why}${force}`;
  }
  if (!saysOnlyFailure(outcome)) return outcomeText(outcome);
  const asked = order.target ?? status.localNode;
  const name = status.nodes.find(({ id }) => id === asked)?.name ?? "";
  const verdict = service?.candidates.find(({ node }) => node === asked);
  if (order.operation === "enable" && verdict?.fit === false) {
    return `${name} cannot run it: ${verdict.reason}; try -m NODE, or -F for the best one`;
  }
  return service?.decisions.at(-1)?.text ?? outcomeText(outcome);
}

/** The answer to the order that all members leave. */
export function leaveAllReply(outcome: RequestOutcome): Acceptance {
  if (outcome.type === "done") return { accepted: true, text: "" };
  const texts: Readonly<Partial<Record<typeof outcome.why, string>>> = {
    "not-locked": "services may start, since they are not locked: lock them with clusvcadm-ts -l",
    "services-running": "a service runs, starts or stops: stop it first, or wait for its end",
  };
  return { accepted: false, text: texts[outcome.why] ?? outcomeText(outcome) };
}

/**
 * Refuses a removal after which a second quorate partition would be possible: fewer votes are
 * expected then, and nodes that start do not wait for all.
 */
export function leaveReply({ remove, force }: LeaveBody, conf: QuorumConf): Acceptance {
  if (!remove || force || conf.waitForAll) return { accepted: true, text: "" };
  const text =
    "removed nodes that start alone could become quorate beside the others; " +
    'set wait_for_all="1" in <cman>, or add force';
  return { accepted: false, text };
}

export function killReply(outcome: RequestOutcome): Acceptance {
  if (outcome.type === "done") return { accepted: true, text: "" };
  const absent = outcome.why === "no-member";
  return { accepted: false, text: absent ? "it is no member" : outcomeText(outcome) };
}

export function acknowledgeReply(outcome: RequestOutcome, name: string): Acceptance {
  if (outcome.type === "done") {
    const text = `${name} counts as off; its services may start elsewhere`;
    return { accepted: true, text };
  }
  switch (outcome.why) {
    case "member-again": {
      const text = `${name} is a member again: it proves by itself that it is clean`;
      return { accepted: false, text };
    }
    case "no-victim":
      return { accepted: false, text: `${name} is not waiting to be fenced` };
    default:
      return { accepted: false, text: outcomeText(outcome) };
  }
}
