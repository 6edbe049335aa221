/**
 * Refusals of the process groups in words: the cause, and what a client can do.
 * Tested in: test/control/control-groups.test.ts
 */
import type { ControlError } from "../control/control-error.ts";
import { type GroupAnswer, type GroupRefusal, groupLimits } from "../groups/group-events.ts";
import type { GroupName } from "../model/ids.ts";
import { assertNever, invariant } from "../model/outcome.ts";

export const lifeEnded: ControlError = {
  type: "outcome-unknown",
  text:
    "the node has ended its part in the ring before the message came back: it may have been " +
    "delivered or not; join again, and let the group settle it",
};

export const notInRing: ControlError = {
  type: "try-again",
  text: "the node takes no part in a ring at the moment; try again",
};

export function unknownTicket(group: GroupName): ControlError {
  const text = `the ticket is of no member of ${JSON.stringify(group)} on this node; join first`;
  return { type: "not-exist", text };
}

/** The error of an answer that is a refusal. */
export function refusalError(answer: GroupAnswer, group: GroupName): ControlError {
  invariant(answer.type === "refused", "a group call was answered by something else");
  return describe(answer.refusal, JSON.stringify(group));
}

function describe(refusal: GroupRefusal, group: string): ControlError {
  switch (refusal.type) {
    case "exist": {
      const text = `the process is a member of ${group} already; give another process number`;
      return { type: "exist", text };
    }
    case "busy": {
      const text = `the join of ${group} has not been ordered yet; wait for its configuration line`;
      return { type: "in-progress", text };
    }
    case "not-exist":
      return { type: "not-exist", text: `the client is no member of ${group}; join first` };
    case "try-again":
      return { type: "try-again", text: `${causes[refusal.why]}; try again` };
    case "too-large": {
      const text = `a message has at most ${groupLimits.messageBytesMax} bytes; cut it`;
      return { type: "body-too-large", text };
    }
    case "too-many-clients": {
      const text = `${groupLimits.clientsMax} clients of this node are in groups; end one of them`;
      return { type: "too-many-clients", text };
    }
    default:
      return assertNever(refusal);
  }
}

const causes = {
  "no-configuration": "the node is in no ring yet",
  "state-exchange": "the members of a new ring are exchanging their processes",
  "queue-full": "too many bytes of earlier messages wait to be ordered",
  "leave-in-flight": "the process has left the group, and that has not been ordered yet",
} as const satisfies Readonly<Record<string, string>>;
