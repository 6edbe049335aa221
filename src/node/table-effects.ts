/**
 * What the table's outputs mean on this node, as far as no other machine has to hear of it.
 */
import { assertNever } from "../model/outcome.ts";
import type { TableOutput } from "../services/table-draft.ts";
import type { Configurations } from "./configurations.ts";
import type { Outbox } from "./outbox.ts";
import type { OwnServices } from "./own-services.ts";

type Plain = Extract<TableOutput, { readonly type: "run" | "reply" | "examine" | "notice" }>;

export function performTable(
  output: Plain,
  parts: {
    readonly own: OwnServices;
    readonly outbox: Outbox;
    readonly configurations: Configurations;
  },
): void {
  switch (output.type) {
    case "run":
      parts.own.run(output);
      return;
    case "reply":
      parts.own.reply(output);
      return;
    case "examine":
      parts.configurations.awaitProposal(output);
      parts.outbox.emit({ type: "read", text: output.text });
      return;
    case "notice":
      parts.outbox.notice("services", output.level, output.text);
      return;
    default:
      assertNever(output);
  }
}
