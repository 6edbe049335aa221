/**
 * What operators are told of their orders: whether they are accepted, and why not.
 * Does not know how orders are carried out.
 */
import type { AcknowledgeReply, LeaveBody, LeaveReply } from "../control/protocol.ts";
import type { QuorumConf } from "../model/conf.ts";
import type { NodeId, ServiceName } from "../model/ids.ts";
import { type RequestCode, requestText } from "../model/request-codes.ts";
import type { ServiceOperation } from "../model/service-operation.ts";
import type { ClusterStatus } from "../model/status.ts";

type ServiceOrder = {
  readonly service: ServiceName;
  readonly operation: ServiceOperation;
  readonly target: NodeId | null;
};

/** The code's text; of a failure that has a reason, the reason, for the node that was asked. */
export function serviceReplyText(
  code: RequestCode,
  order: ServiceOrder,
  status: ClusterStatus,
): string {
  if (code !== -1) return requestText(code);
  const service = status.services?.find(({ name }) => name === order.service);
  const asked = order.target ?? status.localNode;
  const name = status.nodes.find(({ id }) => id === asked)?.name ?? "";
  const verdict = service?.candidates.find(({ node }) => node === asked);
  if (order.operation === "enable" && verdict?.fit === false) {
    return `${name} cannot run it: ${verdict.reason}; try -m NODE, or -F for the best one`;
  }
  return service?.decisions.at(-1)?.text ?? requestText(code);
}

/** A second quorate part is possible when fewer votes are expected, unless nodes wait for all. */
export function leaveReply({ remove, force }: LeaveBody, conf: QuorumConf): LeaveReply {
  if (!remove || force || conf.waitForAll) return { accepted: true, text: "" };
  const text =
    "removed nodes that start alone could become quorate beside the others; " +
    'set wait_for_all="1" in <cman>, or add force';
  return { accepted: false, text };
}

export function killReply(code: RequestCode): AcknowledgeReply {
  if (code === 0) return { accepted: true, text: "" };
  return { accepted: false, text: code === -8 ? "it is no member" : requestText(code) };
}

export function acknowledgeReply(code: RequestCode, name: string): AcknowledgeReply {
  const texts = new Map<number, string>([
    [0, `${name} counts as off; its services may start elsewhere`],
    [-6, `${name} is a member again: it proves by itself that it is clean`],
    [-8, `${name} is not waiting to be fenced`],
  ]);
  return { accepted: code === 0, text: texts.get(code) ?? requestText(code) };
}
