/**
 * Collects the outputs of one step of the ring in order, and counts events.
 * Tested in: test/membership/totem-paper.test.ts
 */
import type { NodeId } from "../model/ids.ts";
import type { Ms } from "../model/time.ts";
import type { RingNotice, RingOutput, RingTimer } from "./ring-events.ts";
import type { RingMessage } from "./wire.ts";

/** The names of counters, built once, since they are used for every frame. */
const sentNames: Readonly<Record<RingMessage["type"], string>> = {
  mcast: "sent mcast",
  token: "sent token",
  join: "sent join",
  commit: "sent commit",
  "merge-detect": "sent merge-detect",
  "hold-cancel": "sent hold-cancel",
};

const receivedNames: Readonly<Record<RingMessage["type"], string>> = {
  mcast: "received mcast",
  token: "received token",
  join: "received join",
  commit: "received commit",
  "merge-detect": "received merge-detect",
  "hold-cancel": "received hold-cancel",
};

/** A minute with the default merge interval. */
const agesOfSilence = 120;

export class RingEffects {
  readonly #counts = new Map<string, { value: number }>();
  #outputs: RingOutput[] = [];
  /** Refusals that were logged lately. */
  readonly #logged = new Set<string>();
  #ages = 0;

  /** The outputs since the last call. */
  take(): readonly RingOutput[] {
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  emit(output: RingOutput): void {
    this.#outputs.push(output);
  }

  multicast(message: RingMessage): void {
    this.count(sentNames[message.type]);
    this.emit({ type: "multicast", message, full: false });
  }

  /** Sends a message as long as the longest one, so that only nodes that get those hear it. */
  announce(message: RingMessage): void {
    this.count(sentNames[message.type]);
    this.emit({ type: "multicast", message, full: true });
  }

  unicast(to: NodeId, message: RingMessage): void {
    this.count(sentNames[message.type]);
    this.emit({ type: "unicast", to, message });
  }

  arm(timer: RingTimer, afterMs: Ms): void {
    this.emit({ type: "arm", timer, afterMs });
  }

  disarm(...timers: readonly RingTimer[]): void {
    for (const timer of timers) this.emit({ type: "disarm", timer });
  }

  notice(level: RingNotice["level"], text: string): void {
    this.emit({ type: "notice", notice: { level, text } });
  }

  count(what: string): void {
    const counter = this.#counts.get(what);
    if (counter === undefined) this.#counts.set(what, { value: 1 });
    else counter.value += 1;
  }

  /** Counts a frame with impossible contents, and logs it once in a while for each peer. */
  refuse(what: string, { from, text }: { readonly from: NodeId; readonly text: string }): void {
    this.count(`refused: ${what}`);
    const key = `${from} ${what}`;
    if (this.#logged.has(key)) return;
    this.#logged.add(key);
    this.notice("err", `frame of node ${from} refused: ${text}`);
  }

  /** One age of the merge gate has passed; lasting refusals are logged again after a while. */
  age(): void {
    this.#ages += 1;
    if (this.#ages % agesOfSilence === 0) this.#logged.clear();
  }

  countReceived(message: RingMessage): void {
    this.count(receivedNames[message.type]);
  }

  counts(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].map(([what, { value }]) => [what, value]));
  }
}
