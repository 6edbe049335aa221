/**
 * The types of the options and ports of the ring's event loop.
 * Tested in: test/ring-thread/ring-driver.test.ts
 */
import type { Clock, FrameSeal, Store, Transport } from "../io/ports.ts";
import type { RingInput, RingOutput, RingSnapshot } from "../membership/ring-events.ts";
import type { Incarnation, NodeId } from "../model/ids.ts";
import type { Ms } from "../model/time.ts";
import type { FrameCodec } from "./ring-inbox.ts";
import type { PostBatch } from "./ring-output-batch.ts";

export type RingMachine = {
  readonly step: (input: RingInput) => readonly RingOutput[];
  readonly snapshot: () => RingSnapshot;
};

export type RingDriverOptions = {
  readonly self: NodeId;
  readonly incarnation: Incarnation;
  readonly nodes: readonly { readonly id: NodeId; readonly address: string }[];
  readonly tokenMs: Ms;
  readonly consensusMs: Ms;
  readonly leaseMs: Ms;
  /**
   * The length of the longest packets, headers of IP and UDP included; `ipBytes`: that of these
   * headers.
   */
  readonly packetBytesMax: number;
  readonly ipBytes: number;
  /** The multicast group; null when every node gets a copy of its own. */
  readonly group: string | null;
};

export type RingDriverPorts = {
  readonly clock: Clock;
  readonly transport: Transport;
  readonly seal: FrameSeal;
  readonly codec: FrameCodec;
  readonly store: Store;
  readonly ring: RingMachine;
  readonly post: PostBatch;
  /** The last batch was posted and the sockets are closed. */
  readonly onEnd: () => void;
};
