/**
 * Tags an ordered payload with the layer that owns it.
 * Tested in: test/fuzz/onslaught.test.ts
 */
import { fenceMessage } from "../fencing/fence-messages.ts";
import { either, literal, record, type Shaped } from "../model/shape.ts";
import { quorumMessage } from "../quorum/quorum-messages.ts";
import { serviceMessage } from "../services/table/service-messages.ts";
import { hello, snapshot } from "../services/table/table-sync.ts";

export const envelope = either(
  record({ layer: literal("sync"), body: either(hello, snapshot) }),
  record({ layer: literal("quorum"), body: quorumMessage }),
  record({ layer: literal("fencing"), body: fenceMessage }),
  record({ layer: literal("services"), body: serviceMessage }),
);
export type Envelope = Shaped<typeof envelope>;
