/**
 * What operators are told of their orders: whether they are accepted, and why not.
 * Does not know how orders are carried out.
 */
import type { AcknowledgeReply, LeaveBody, LeaveReply } from "../control/protocol.ts";
import type { QuorumConf } from "../model/conf.ts";
import { type RequestCode, requestText } from "../model/request-codes.ts";

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
