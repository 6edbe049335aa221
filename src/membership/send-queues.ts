/**
 * The two lanes of outgoing messages: after each configuration, `sync` (the state exchange) is
 * ordered before `app`.
 * Source: corosync exec/totempg.c (new_message_queue_trans, waiting_trans_ack) for the idea.
 * Tested in: test/membership/packing.test.ts, test/membership/totem-paper.test.ts
 * LANE1  Between a regular configuration and the end of its state exchange only `sync` is ordered.
 */
import { type FrameContent, LaneQueue } from "./packing.ts";
import { type Lane, queueBytesMax } from "./ring-events.ts";

/** A lane that refused a message is reported writable again below this length. */
const writableBytes = queueBytesMax / 2;

export class SendQueues {
  readonly #queues: Readonly<Record<Lane, LaneQueue>>;
  readonly #refused = new Set<Lane>();
  #syncing = true;

  constructor(chunkRoomBytes: number) {
    this.#queues = {
      sync: new LaneQueue("sync", chunkRoomBytes),
      app: new LaneQueue("app", chunkRoomBytes),
    };
  }

  get syncing(): boolean {
    return this.#syncing;
  }

  get bytes(): number {
    return this.#queues.sync.bytes + this.#queues.app.bytes;
  }

  get messages(): number {
    return this.#queues.sync.messages + this.#queues.app.messages;
  }

  /** How many frames wait that may be sent now. */
  get backlog(): number {
    return this.#queues.sync.frames + (this.#syncing ? 0 : this.#queues.app.frames);
  }

  /** False when the lane is full; `takeWritable` reports it once there is room. */
  submit(lane: Lane, payload: Uint8Array, safe: boolean): boolean {
    const queued = this.#queues[lane].submit(payload, safe);
    if (!queued) this.#refused.add(lane);
    return queued;
  }

  takeFrame(): FrameContent | null {
    const sync = this.#queues.sync.takeFrame();
    if (sync !== null || this.#syncing) return sync;
    return this.#queues.app.takeFrame();
  }

  /** The lanes that have refused a message and have room again. */
  takeWritable(): readonly Lane[] {
    const writable: Lane[] = [];
    for (const lane of this.#refused) {
      if (this.#queues[lane].bytes > writableBytes) continue;
      this.#refused.delete(lane);
      writable.push(lane);
    }
    return writable;
  }

  /** A new configuration begins: cut messages begin again, and only `sync` is ordered. */
  beginConfiguration(): void {
    this.#queues.sync.restart();
    this.#queues.app.restart();
    this.#syncing = true;
  }

  endSync(): void {
    this.#syncing = false;
  }
}
