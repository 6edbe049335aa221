/**
 * Which method of a service's worker performs an operation of the table.
 * Tested in: test/services/local-services.test.ts
 */
import type { AgentCall } from "../../model/agent-orders.ts";
import type { ServiceConf } from "../../model/conf.ts";
import type { ServiceName } from "../../model/ids.ts";
import { assertNever, invariant } from "../../model/outcome.ts";
import type { Operation } from "../table/service-state.ts";
import type { LocalOutput } from "./local-events.ts";
import type { ServiceWorker } from "./service-worker.ts";

/** `next`: the service in the configuration that is being prepared; null: there is none. */
export function callForOperation(
  worker: ServiceWorker,
  op: Operation,
  around: { readonly nowMs: number; readonly next: ServiceConf | null },
): AgentCall {
  if (op.kind === "start") return worker.start();
  if (op.kind === "repair") {
    switch (op.parts) {
      case "failed":
        return worker.repair(around.nowMs);
      case "left-out":
        return worker.convalesce();
      case "gone":
        invariant(
          around.next !== null,
          `${worker.conf.name} is to lose parts, but no configuration is next`,
        );
        return worker.stopGone(around.next);
      case "fresh":
        return worker.startFresh();
      default:
        return assertNever(op.parts);
    }
  }
  return op.cleanup === "yes" ? worker.stopAgain() : worker.stop();
}

/** Fails an operation that arrives during a `job`: the table should not have ordered it now. */
export function failOperation(
  name: ServiceName,
  op: Operation,
  job: string,
): readonly LocalOutput[] {
  const text = `${name} is busy with ${job}`;
  return [
    { type: "notice", level: "warning", text: `${op.kind} refused: ${text}` },
    { type: "result", op: op.id, outcome: "failed", partial: false, text },
  ];
}
