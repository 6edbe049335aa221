/**
 * The jobs of the slots on one node: what is being done with a service, order by order. Each slot
 * has one job at most.
 * Does not know when a job may begin, nor what follows from its end.
 * Tested in: test/services/local-services.test.ts
 * JOB1  A start that is given up is answered when its agent has ended: stop and start of a service
 *     never run side by side.
 */
import type { AgentReport, AgentVerdict } from "../../model/agent-orders.ts";
import type { OperationAbort } from "../table/service-state.ts";
import { type AgentCounts, AgentWatch, type OverdueWork } from "./agent-watch.ts";
import type { LocalOutput } from "./local-events.ts";
import type { Job, ServiceSlot, ServiceSlots } from "./service-slots.ts";

/** What a job is begun with. */
export type BegunJob = Pick<Job, "kind" | "call" | "op" | "check">;

/** Its next order is on its way, or it has ended and its slot is free. */
export type JobStep =
  | { readonly type: "goes-on"; readonly outputs: readonly LocalOutput[] }
  | { readonly type: "ended"; readonly job: Job; readonly verdict: AgentVerdict };

export class LocalJobs {
  readonly #slots: ServiceSlots;
  readonly #watch = new AgentWatch();
  /** Starts that need not go on, by operation. */
  readonly #aborted = new Set<number>();
  #lastAction = 0;

  constructor(slots: ServiceSlots) {
    this.#slots = slots;
  }

  /** The slot is free. */
  begin(slot: ServiceSlot, begun: BegunJob, nowMs: number): JobStep {
    const job: Job = { ...begun, beganMs: nowMs, orderMs: nowMs, order: null, action: 0 };
    return this.resume(slot, job, { report: null, nowMs });
  }

  /** `report`: what came of the job's present order; null: it has none yet. */
  resume(
    slot: ServiceSlot,
    job: Job,
    { report, nowMs }: { readonly report: AgentReport | null; readonly nowMs: number },
  ): JobStep {
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

  /** JOB1: the agent of a start is told to end, and waited for. */
  abort({ service, operation }: OperationAbort): readonly LocalOutput[] {
    const job = this.#slots.get(service)?.job ?? null;
    if (job?.op?.id !== operation.id || this.#aborted.has(operation.id)) return [];
    this.#aborted.add(operation.id);
    return [{ type: "cancel", action: job.action }];
  }

  /** The operations that follow have other numbers. */
  forgetAborts(): void {
    this.#aborted.clear();
  }

  /** The job of the slot ends here and now; nothing follows from it. */
  cancel(slot: ServiceSlot, { action }: Job, nowMs: number): LocalOutput {
    this.#watch.ended(slot, nowMs);
    this.#slots.setJob(slot, null);
    return { type: "cancel", action };
  }

  /** What is to be said of jobs that take too long. */
  newlyOverdue(nowMs: number): readonly string[] {
    return this.#watch.newlyOverdue(this.#slots.busySlots(), nowMs);
  }

  /** What takes too long at the moment, and how often that was so. */
  report(nowMs: number): AgentCounts & { readonly overdue: readonly OverdueWork[] } {
    return this.#watch.report(this.#slots.busySlots(), nowMs);
  }
}
