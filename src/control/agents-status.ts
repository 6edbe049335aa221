/**
 * What the status says of the agents on a node, as it is read from JSON.
 */
import type { AgentsStatus } from "../model/status.ts";
import type { JsonFields } from "./json-fields.ts";

export function readAgents(fields: JsonFields): AgentsStatus {
  return {
    overdue: fields.objects("overdue").map((each) => ({
      service: each.text("service"),
      text: each.text("text"),
      seconds: each.number("seconds"),
    })),
    overdueChecks: fields.number("overdueChecks"),
    untried: fields.number("untried"),
  };
}
