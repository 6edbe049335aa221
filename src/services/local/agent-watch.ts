/**
 * What agents on this node have been doing for too long, and what there was no room for: in words,
 * as numbers, and now and then in the log. Ends nothing; the limits of the agents do.
 * Tested in: test/services/check-schedule.test.ts
 */
import type { AgentOrder } from "../../model/agent-orders.ts";
import type { ServiceName } from "../../model/ids.ts";
import type { ServiceSlot } from "./service-slots.ts";

export type OverdueWork = {
  readonly service: ServiceName;
  /** What has been running, and for how long. */
  readonly text: string;
  readonly seconds: number;
};

export type AgentCounts = {
  /** Status checks that ran for longer than their interval. */
  readonly overdueChecks: number;
  /** Calls that the machine had no room for, with each try. */
  readonly untried: number;
};

/** Of starts and stops, and between two messages about one service. */
const sayAgainMs = 30_000;

export class AgentWatch {
  #overdueChecks = 0;
  #untried = 0;
  readonly #saidMs = new Map<string, number>();

  report(busy: Iterable<ServiceSlot>, nowMs: number): AgentCounts & { readonly overdue: Overdue } {
    const overdue = [...busy].flatMap((slot) => overdueWork(slot, nowMs) ?? []);
    return { overdue, overdueChecks: this.#overdueChecks, untried: this.#untried };
  }

  /** What is to be said of those that take too long, not more than every half minute of one. */
  newlyOverdue(busy: Iterable<ServiceSlot>, nowMs: number): readonly string[] {
    return [...busy].flatMap((slot) => {
      const work = overdueWork(slot, nowMs);
      if (work === null) return [];
      return this.#atTimes(`overdue ${work.service}`, `${work.service}: ${work.text}`, nowMs);
    });
  }

  /** Before the job of the slot is over. */
  ended(slot: ServiceSlot, nowMs: number): void {
    if (slot.job?.check != null && overdueWork(slot, nowMs) !== null) this.#overdueChecks += 1;
  }

  /**
   * What is to be said of a pause: it is for want of room, or something does not go away. That a
   * check waits for room says nothing of the stop that comes after it: that is told by itself.
   */
  pausing(
    { worker, job }: ServiceSlot,
    { why, waitsFor }: Pause,
    nowMs: number,
  ): readonly string[] {
    const service = worker.conf.name;
    if (waitsFor !== undefined) {
      const text = `${service}: not off yet, trying on: ${waitsFor}`;
      return this.#atTimes(`waits ${service}`, text, nowMs);
    }
    if (why === undefined) return [];
    this.#untried += 1;
    return this.#atTimes(`untried ${service} ${job?.kind}`, `${service}: ${why}`, nowMs);
  }

  #atTimes(what: string, text: string, nowMs: number): readonly string[] {
    const lastMs = this.#saidMs.get(what) ?? Number.NEGATIVE_INFINITY;
    if (nowMs - lastMs < sayAgainMs) return [];
    this.#saidMs.set(what, nowMs);
    return [text];
  }
}

type Overdue = readonly OverdueWork[];
type Pause = Extract<AgentOrder, { readonly type: "pause" }>;

/** A check that runs for longer than its interval, or a start or stop for half a minute. */
function overdueWork({ worker, job }: ServiceSlot, nowMs: number): OverdueWork | null {
  if (job === null || job.order === null || job.order.type === "pause") return null;
  const service = worker.conf.name;
  const what = wordsOf(job.order);
  if (job.kind === "status") {
    const runsMs = nowMs - job.beganMs;
    const { shortestIntervalMs } = worker;
    if (shortestIntervalMs === null || runsMs <= shortestIntervalMs) return null;
    const seconds = Math.floor(runsMs / 1000);
    const interval = `its interval is ${shortestIntervalMs / 1000} s`;
    return {
      service,
      seconds,
      text: `its check has been running for ${seconds} s (${what}), ${interval}`,
    };
  }
  const runsMs = nowMs - job.orderMs;
  if (runsMs < sayAgainMs) return null;
  const seconds = Math.floor(runsMs / 1000);
  return {
    service,
    seconds,
    text: `${what} has been running for ${seconds} s${limitOf(job.order)}`,
  };
}

function wordsOf(order: AgentOrder): string {
  return order.type === "run-process" ? order.argv.join(" ") : order.type;
}

function limitOf(order: AgentOrder): string {
  if (order.type !== "run-process" || order.timeoutMs === null) return "";
  return `; it is ended after ${order.timeoutMs / 1000} s`;
}
