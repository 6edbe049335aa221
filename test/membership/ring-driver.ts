/**
 * One ring machine and hand-made peers: a test plays the network, message by message.
 */
import { Ring } from "../../src/membership/ring.ts";
import type { RingInput, RingOptions, RingOutput } from "../../src/membership/ring-events.ts";
import type { CommitMessage, RingMessage, TokenMessage } from "../../src/membership/wire.ts";
import { type NodeId, parseIncarnation, type RingId } from "../../src/model/ids.ts";
import { ms } from "../../src/model/time.ts";
import { tuningDefaults } from "../sim/ring-tuning.ts";
import { join, node, nodes, token } from "./frames.ts";

export function optionsOf(self: NodeId): RingOptions {
  return {
    ...tuningDefaults,
    self,
    incarnation: incarnationOne,
    nodes: nodes(1, 2, 3, 4),
    chunkRoomBytes: 1364,
    ringSeqStart: 1,
    ringSeqDurable: 10_000,
    wallMs: ms(1_000_000),
  };
}

const incarnationOne = incarnation(1);

export function incarnation(value: number): NonNullable<ReturnType<typeof parseIncarnation>> {
  const parsed = parseIncarnation(value);
  if (parsed === null) throw new Error(`${value} is no incarnation`);
  return parsed;
}

export class RingDriver {
  readonly ring: Ring;
  readonly self: NodeId;
  /** The token as the driver last saw it pass, or null. */
  token: TokenMessage | null = null;

  constructor(self: number, changes: Partial<RingOptions> = {}) {
    this.self = node(self);
    this.ring = new Ring({ ...optionsOf(this.self), ...changes });
  }

  /** Feeds an input and, as the daemon does, every own frame that comes out of it. */
  step(input: RingInput): readonly RingOutput[] {
    const outputs: RingOutput[] = [];
    const inputs: RingInput[] = [input];
    for (let next = inputs.shift(); next !== undefined; next = inputs.shift()) {
      for (const output of this.ring.step(next)) {
        outputs.push(output);
        if (output.type === "unicast" && output.message.type === "token") {
          this.token = output.message;
        }
        const own =
          output.type === "multicast" || (output.type === "unicast" && output.to === this.self);
        if (own) inputs.push(this.#frame(this.self, output.message));
      }
    }
    return outputs;
  }

  #frame(from: NodeId, message: RingMessage): RingInput {
    return { type: "frame", from, incarnation: incarnationOne, message };
  }

  /** A packet from another node. */
  receive(from: number, message: RingMessage): readonly RingOutput[] {
    return this.step(this.#frame(node(from), message));
  }

  timer(timer: Extract<RingInput, { readonly type: "timer" }>["timer"]): readonly RingOutput[] {
    return this.step({ type: "timer", timer });
  }

  submit(text: string, options: { readonly safe?: boolean } = {}): readonly RingOutput[] {
    const payload = Buffer.from(text);
    return this.step({ type: "submit", lane: "app", payload, safe: options.safe ?? false });
  }

  get state(): string {
    return this.ring.snapshot().state;
  }

  get ringId(): RingId {
    const { ring } = this.ring.snapshot();
    if (ring === null) throw new Error("no ring is installed");
    return ring;
  }

  counter(name: string): number {
    return this.ring.snapshot().counters[name] ?? 0;
  }

  /** The token comes round: the others pass it on, with these changes on the way. */
  rotate(changes: Partial<TokenMessage> = {}): readonly RingOutput[] {
    const passed = this.token ?? token();
    return this.receive(2, { ...passed, tokenSeq: passed.tokenSeq + 2, ...changes });
  }

  /** Ends the state exchange, so that app messages flow. */
  syncDone(): readonly RingOutput[] {
    return this.step({ type: "sync-done", ring: this.ringId });
  }
}

/** The commit token as it looks when all others have filled it in. */
export function completed(commit: CommitMessage): CommitMessage {
  const state = { oldRing: null, aru: 0, highDelivered: 0, received: true, obliged: [] };
  const members = commit.members.map((entry) => ({
    node: entry.node,
    state: entry.state ?? state,
  }));
  return { ...commit, index: members.length, members };
}

export function commitIn(outputs: readonly RingOutput[]): CommitMessage | null {
  for (const output of outputs) {
    if (output.type === "unicast" && output.message.type === "commit") return output.message;
  }
  return null;
}

/** Node 1 at the point where nodes 2 and 3 agree with it and its commit token is out. */
export function committed(changes: Partial<RingOptions> = {}): {
  readonly driver: RingDriver;
  readonly commit: CommitMessage;
} {
  const driver = new RingDriver(1, changes);
  driver.step({ type: "start" });
  const sets = { proc: nodes(1, 2, 3), ringSeq: 4 };
  driver.receive(2, join(sets));
  const commit = commitIn(driver.receive(3, join(sets)));
  if (commit === null) throw new Error("no commit token");
  return { driver, commit };
}

/** Node 1 in recovery, its first token sent. */
export function recovering(): { readonly driver: RingDriver; readonly commit: CommitMessage } {
  const { driver, commit } = committed();
  driver.receive(3, completed(commit));
  driver.receive(3, completed(commit));
  return { driver, commit };
}

/** Node 1 as representative of the operational ring 1 2 3, app messages flowing. */
export function operational(): RingDriver {
  const { driver } = recovering();
  driver.timer("join");
  for (let visit = 0; visit < 20 && driver.state !== "operational"; visit += 1) driver.rotate();
  driver.syncDone();
  // The token has been with everybody: all members have installed the ring.
  driver.rotate();
  return driver;
}
