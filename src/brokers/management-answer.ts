/**
 * The answers of a broker's management agent: objects, the end of a method, a refusal, an event.
 * Source: qpid-cpp management/ManagementAgent.cpp: handleGetQuery, handleMethodRequest,
 * sendException; the Qpid Management Framework, version 2.
 * STATUS2  The words of a refusal are the broker's own, and only their beginning is compared: some
 *     end with a position in its source.
 */
import { accept, type Result, refuse } from "../model/outcome.ts";
import { count, list, mapped, record, type Shape, unknown } from "../model/shape.ts";
import { amqpText } from "./amqp-values.ts";
import type { BrokerMisfit } from "./broker-status.ts";

/** A message of the agent: its opcode and its decoded body. */
export type ManagementMessage = { readonly opcode: string; readonly body: unknown };

/** The broker's error code and text. */
export type BrokerRefusal = {
  readonly code: number;
  readonly words: string;
  readonly kind: RefusalKind;
};

export type RefusalKind =
  /** A joining broker that saw another one in another state; until it is restarted. */
  | "joining-active-cluster"
  | "still-catching-up"
  /** The access control list forbids it. */
  | "forbidden"
  | "other";

export type ManagementAnswer =
  /** The values of each object. */
  | { readonly type: "objects"; readonly values: readonly unknown[] }
  | { readonly type: "done" }
  | { readonly type: "refused"; readonly refusal: BrokerRefusal };

/** How a joining broker refuses that saw another one in another state at its start. */
const joiningActive = "Joining active cluster";

/** More than the queues of a broker that replicates; each message holds at most 100 of them. */
const objectsMax = 100_000;

const objects: Shape<readonly unknown[]> = list(
  mapped(record({ _values: unknown }), ({ _values }) => _values),
  objectsMax,
);

const exception = record({ _values: record({ error_code: count, error_text: amqpText }) });

/** The messages that answer one request, in order. */
export function parseAnswer(
  messages: readonly ManagementMessage[],
): Result<ManagementAnswer, BrokerMisfit> {
  const [first] = messages;
  if (first === undefined) return refuse({ part: "answer", text: "is empty" });
  switch (first.opcode) {
    case "_query_response":
      return parseObjects(messages);
    case "_method_response":
      return accept({ type: "done" });
    case "_exception": {
      const found = exception(first.body);
      if (!found.ok) return misfit(found.problem);
      const { error_code: code, error_text: text } = found.value._values;
      return accept({ type: "refused", refusal: { code, words: text, kind: kindOf(code, text) } });
    }
    default:
      return refuse({ part: "qmf.opcode", text: "is not that of an answer" });
  }
}

/** The values of each event in a message of the topic exchange; null: it holds no events. */
export function parseEvents(message: ManagementMessage): readonly unknown[] | null {
  if (message.opcode !== "_data_indication") return null;
  const found = objects(message.body);
  return found.ok ? found.value : null;
}

function parseObjects(
  messages: readonly ManagementMessage[],
): Result<ManagementAnswer, BrokerMisfit> {
  const values: unknown[] = [];
  for (const { body } of messages) {
    const found = objects(body);
    if (!found.ok) return misfit(found.problem);
    values.push(...found.value);
  }
  return accept({ type: "objects", values });
}

/** Whether the output of a program contains the refusal that lasts until a restart (STATUS2). */
export function refusesLastingly(output: string): boolean {
  return output.includes(joiningActive);
}

function kindOf(code: number, text: string): RefusalKind {
  if (code === 6) return "forbidden";
  if (text.startsWith(joiningActive)) return "joining-active-cluster";
  return text.startsWith("Still catching up") ? "still-catching-up" : "other";
}

function misfit(problem: {
  readonly path: string;
  readonly text: string;
}): Result<never, BrokerMisfit> {
  return refuse({ part: problem.path.replace(/^\./, ""), text: problem.text });
}
