/**
 * Turns what the fence domain asks for into outputs of the node, and notes it. Decides nothing.
 * Tested in: test/fencing/acceptance.test.ts
 */
import { assertNever } from "../model/outcome.ts";
import type { FencingProgress } from "./fencing-progress.ts";
import type { Outbox } from "./outbox.ts";
import type { ReplicaOutput } from "./replica.ts";

type FenceEffect = Extract<ReplicaOutput, { readonly from: "fence" }>["output"];

export function performFence(outbox: Outbox, board: FencingProgress, effect: FenceEffect): void {
  board.note(effect, outbox.now.boottimeMs);
  switch (effect.type) {
    case "submit":
      outbox.submit("app", { layer: "fencing", body: effect.message });
      return;
    case "arm": {
      const { type, node, afterMs } = effect;
      outbox.emit({ type, timer: `fence-${node}`, afterMs });
      return;
    }
    case "disarm":
      outbox.emit({ type: "disarm", timer: `fence-${effect.node}` });
      return;
    case "run":
      outbox.emit({ ...effect, type: "fence" });
      return;
    case "notice":
      outbox.notice("fencing", effect.level, effect.text);
      return;
    default:
      assertNever(effect);
  }
}
