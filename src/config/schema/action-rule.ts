/**
 * The rule of `<action>`, which any resource may have.
 * Source: rgmanager reslist.c: _get_actions_ccs.
 * Tested in: test/config/complaints.test.ts, test/documents/documents.test.ts
 */
import { integers } from "../text/defaults.ts";
import {
  type ElementRule,
  integerRule,
  noChildren,
  required,
  strict,
  textRule,
} from "./element-rules.ts";

export const actionRule: ElementRule = {
  ...strict,
  meaning: "Overrides the interval or the time-out of an action of the resource's agent.",
  attributes: {
    name: required(textRule("The action, usually status.", { type: "text", allowed: "a name" })),
    depth: integerRule(integers.action.depth, "The depth of the check; *: every depth.", "*"),
    interval: textRule("How often the check runs; 0: never.", { type: "duration" }, "the agent's"),
    timeout: textRule(
      "How long it may take, see __enforce_timeouts.",
      { type: "duration" },
      "the agent's",
    ),
  },
  children: noChildren,
};
