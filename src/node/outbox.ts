/**
 * The outputs of one step of a node, in order, and the clocks at the instant of its input.
 * Tested in: test/node/work-in-parts.test.ts
 */
import type { LogPriority } from "../model/conf.ts";
import type { Envelope, NodeOutput, Now } from "./node-events.ts";

export class Outbox {
  #now: Now = { monotonicMs: 0, boottimeMs: 0, wallMs: 0 };
  #outputs: NodeOutput[] = [];

  get now(): Now {
    return this.#now;
  }

  get wallSeconds(): number {
    return Math.floor(this.wallMs / 1000);
  }

  /** Whole milliseconds since 1970, as messages carry them. */
  get wallMs(): number {
    return Math.max(0, Math.floor(this.#now.wallMs));
  }

  begin(now: Now): void {
    this.#now = now;
    this.#outputs = [];
  }

  take(): readonly NodeOutput[] {
    return this.#outputs;
  }

  emit(output: NodeOutput): void {
    this.#outputs.push(output);
  }

  submit(lane: "app" | "sync", envelope: Envelope): void {
    this.emit({ type: "submit", lane, envelope });
  }

  notice(channel: "quorum" | "fencing" | "services", level: LogPriority, text: string): void {
    this.emit({ type: "notice", channel, level, text });
  }
}
