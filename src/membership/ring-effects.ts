/**
 * Collects what one step asks of the outside, in order, and counts what happened.
 * Knows the outputs of the ring; decides nothing.
 */
import type { NodeId } from "../model/ids.ts";
import type { Ms } from "../model/time.ts";
import type { RingNotice, RingOutput, RingTimer } from "./ring-events.ts";
import type { RingMessage } from "./wire.ts";

export class RingEffects {
  readonly #counts = new Map<string, number>();
  #outputs: RingOutput[] = [];

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
    this.count(`sent ${message.type}`);
    this.emit({ type: "multicast", message });
  }

  unicast(to: NodeId, message: RingMessage): void {
    this.count(`sent ${message.type}`);
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
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }
}
