/**
 * The jobs on one node: each works on one service, order by order, and each service has at most one
 * job. Does not know when a job may begin, nor what follows from its end.
 * Tested in: test/services/local-services.test.ts
 * JOB1  A start that is aborted is answered only when its agent has ended, so that stop and start
 *     of a service never run at the same time.
 */
import type { AgentReport, AgentVerdict } from "../../model/agent-orders.ts";
import type { OperationAbort } from "../table/service-state.ts";
import { type AgentCounts, AgentWatch, type OverdueWork } from "./agent-watch.ts";
import type { LocalOutput } from "./local-events.ts";
import type { Job, ServiceSlot, ServiceSlots } from "./service-slots.ts";

/** What is known of a job when it begins. */
export type BegunJob = Pick<Job, "kind" | "call" | "op" | "check">;

/** Either the job's next order has been put out, or the job has ended and its slot is free. */
export type JobStep =
  | { readonly type: "goes-on"; readonly outputs: readonly LocalOutput[] }
  | { readonly type: "ended"; readonly job: Job; readonly verdict: AgentVerdict };

export class LocalJobs {
  readonly #slots: ServiceSlots;
  readonly #watch = new AgentWatch();
  /** The operations of starts that were aborted. */
  readonly #aborted = new Set<number>();
  #lastAction = 0;

  constructor(slots: ServiceSlots) {
    this.#slots = slots;
  }

  /** Must be called only when the slot has no job. */
  begin(slot: ServiceSlot, begun: BegunJob, nowMs: number): JobStep {
    const job: Job = { ...begun, beganMs: nowMs, orderMs: nowMs, order: null, action: 0 };
    return this.resume(slot, job, { report: null, nowMs });
  }

  /** `report` answers the job's present order; null: it has had none yet. */
  resume(
    slot: ServiceSlot,
    job: Job,
    { report, nowMs }: { readonly report: AgentReport | null; readonly nowMs: number },
  ): JobStep {
    slot.worker.startTimes.nowMs = nowMs;
    const next = report === null ? job.call.next() : job.call.next(report);
    const aborted = job.op !== null && this.#aborted.has(job.op.id);
    if (next.done === true || aborted) {
      this.#watch.ended(slot, nowMs);
      this.#slots.setJob(slot, null);
      const said: AgentVerdict = next.done === true ? next.value : { code: 1, text: "" };
      const givenUp = job.op !== null && this.#aborted.delete(job.op.id) && said.code !== 0;
      const verdict = givenUp ? { code: said.code, text: "given up: it is to be stopped" } : said;
      return { type: "ended", job, verdict };
    }
    this.#lastAction += 1;
    const action = this.#lastAction;
    const { value: order } = next;
    this.#slots.setJob(slot, { ...job, order, orderMs: nowMs, action });
    const service = slot.worker.conf.name;
    const said = order.type === "pause" ? this.#watch.pausing(slot, order, nowMs) : [];
    const notices = said.map((text) => ({ type: "notice", level: "warning", text }) as const);
    return { type: "goes-on", outputs: [...notices, { type: "act", action, service, order }] };
  }

  /** JOB1: cancels the order of a start; its report is still awaited. */
  abort({ service, operation }: OperationAbort): readonly LocalOutput[] {
    const job = this.#slots.get(service)?.job ?? null;
    if (job?.op?.id !== operation.id || this.#aborted.has(operation.id)) return [];
    this.#aborted.add(operation.id);
    return [{ type: "cancel", action: job.action }];
  }

  /** In a new life, operation numbers may start again. */
  forgetAborts(): void {
    this.#aborted.clear();
  }

  /** Ends the job of the slot at once; its result is dropped. */
  cancel(slot: ServiceSlot, { action }: Job, nowMs: number): LocalOutput {
    this.#watch.ended(slot, nowMs);
    this.#slots.setJob(slot, null);
    return { type: "cancel", action };
  }

  /** Messages about jobs that take too long. */
  newlyOverdue(nowMs: number): readonly string[] {
    return this.#watch.newlyOverdue(this.#slots.busySlots(), nowMs);
  }

  /** The jobs that take too long now, and the counters. */
  report(nowMs: number): AgentCounts & { readonly overdue: readonly OverdueWork[] } {
    return this.#watch.report(this.#slots.busySlots(), nowMs);
  }
}
