/**
 * Reports agents on this node that run for too long, and calls for which the machine had no room:
 * as text, as counters, and at most every half minute in the log. Ends no agent; their limits do.
 * Tested in: test/services/check-schedule.test.ts
 */
import type { AgentOrder } from "../../model/agent-orders.ts";
import type { ServiceName } from "../../model/ids.ts";
import type { ServiceSlot } from "./service-slots.ts";

export type OverdueWork = {
  readonly service: ServiceName;
  /** What is running, and for how long. */
  readonly text: string;
  readonly seconds: number;
};

export type AgentCounts = {
  /** Status checks that ran for longer than their interval. */
  readonly overdueChecks: number;
  /** Tries of calls for which the machine had no room. */
  readonly untried: number;
};

/**
 * After how long a start or stop is reported, and the pause between two messages on one service.
 */
const sayAgainMs = 30_000;

export class AgentWatch {
  #overdueChecks = 0;
  #untried = 0;
  readonly #saidMs = new Map<string, number>();

  report(busy: Iterable<ServiceSlot>, nowMs: number): AgentCounts & { readonly overdue: Overdue } {
    const overdue = [...busy].flatMap((slot) => overdueWork(slot, nowMs) ?? []);
    return { overdue, overdueChecks: this.#overdueChecks, untried: this.#untried };
  }

  /** Messages about jobs that take too long, for one service at most every half minute. */
  newlyOverdue(busy: Iterable<ServiceSlot>, nowMs: number): readonly string[] {
    return [...busy].flatMap((slot) => {
      const work = overdueWork(slot, nowMs);
      if (work === null) return [];
      return this.#atTimes(`overdue ${work.service}`, `${work.service}: ${work.text}`, nowMs);
    });
  }

  /** Must be called before the job of the slot is taken off it. */
  ended(slot: ServiceSlot, nowMs: number): void {
    if (slot.job?.check != null && overdueWork(slot, nowMs) !== null) this.#overdueChecks += 1;
  }

  /**
   * The message about a pause: the machine has no room for a call, or something does not end. Each
   * kind of job has its own interval, so that a waiting check does not silence a waiting stop.
   */
  pausing(
    { worker, job }: ServiceSlot,
    { why, waitsFor }: Pause,
    nowMs: number,
  ): readonly string[] {
    const service = worker.conf.name;
    if (waitsFor !== undefined) {
      const text = `${service}: not off yet, still trying: ${waitsFor}`;
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

/** A check that runs for longer than its interval, or another job that runs for half a minute. */
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
