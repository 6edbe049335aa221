/**
 * What the service table's outputs come to on this node. Decides nothing.
 * Tested in: test/services/rgmanager.test.ts
 */
import type { NodeId, ServiceName } from "../model/ids.ts";
import { assertNever } from "../model/outcome.ts";
import type { LocalInput } from "../services/local/local-events.ts";
import type { Configuration, Configurations } from "./configurations.ts";
import type { MembershipAnnouncements } from "./membership-announcements.ts";
import type { NodeServices } from "./node-services.ts";
import type { Outbox } from "./outbox.ts";
import type { ReplicaOutput } from "./replica.ts";

export type TableParts = {
  readonly self: NodeId;
  readonly own: NodeServices;
  readonly outbox: Outbox;
  readonly presence: MembershipAnnouncements;
  readonly configurations: Configurations;
  readonly stepOwn: (input: LocalInput) => void;
  readonly settle: (configuration: Configuration, clean: readonly ServiceName[]) => void;
};

export function performTable(
  output: Extract<ReplicaOutput, { readonly from: "table" }>["output"],
  parts: TableParts,
): void {
  switch (output.type) {
    case "run":
      parts.own.run(output);
      return;
    case "adopt":
      parts.own.adopt(output);
      return;
    case "abort":
      parts.own.abort(output);
      return;
    case "reply":
      parts.own.reply(output);
      return;
    case "examine":
      parts.configurations.awaitProposal(output);
      parts.outbox.emit({ type: "read", text: output.text });
      return;
    case "prepare":
      parts.stepOwn(output);
      return;
    case "switch":
      parts.settle(output, output.clean);
      return;
    case "departure-granted":
      // Nobody looks after this node once it has left: nothing may be left of a failed stop.
      if (output.node !== parts.self) return;
      parts.presence.departing = true;
      parts.stepOwn({ type: "kill" });
      return;
    case "notice":
      parts.outbox.notice("services", output.level, output.text);
      return;
    default:
      assertNever(output);
  }
}
